// Keys and data-action clicks. Keys never act while somebody types or a dialog is open.
import { all, one, typing } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { openPalette } from "./palette.js";
import { closeDrawer, toggleSidebar } from "./sidebar.js";
import { nextTheme } from "./theme.js";

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard?.writeText(source?.textContent ?? "");
}

const ACTIONS = {
  nav: toggleSidebar,
  palette: openPalette,
  theme: nextTheme,
  dialog: openDialog,
  close: (button) => button.closest("dialog").close(),
  dismiss: (button) => button.closest(".toast").remove(),
  copy,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-action]");
  if (!button) return;
  if (button.matches("a[href]")) event.preventDefault();
  ACTIONS[button.dataset.action]?.(button);
});

const PLAIN = {
  "/": () => one(".search .input")?.focus(),
  "?": () => one("#keys")?.showModal(),
  "[": toggleSidebar,
  Escape: closeDrawer,
};
let prefix = "";

function goTo(key) {
  all("[data-key]").find((link) => link.dataset.key === key)?.click();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (prefix === "g") goTo(event.key);
  prefix = event.key === "g" ? "g" : "";
  const act = PLAIN[event.key];
  if (!act) return;
  if (event.key === "/") event.preventDefault();
  act();
});
