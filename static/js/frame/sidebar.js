// The sidebar: narrow on a wide screen, a drawer on a small one.
import { one } from "./dom.js";

const app = one(".app");
const small = matchMedia("(width < 60rem)");
const button = one("[data-action=nav]");

function show(state) {
  app.dataset.nav = state;
  button?.setAttribute("aria-expanded", String(small.matches ? state === "open" : state === "wide"));
}

/** Open or close it. */
export function toggleSidebar() {
  if (!app) return;
  if (small.matches) {
    show(app.dataset.nav === "open" ? "wide" : "open");
    if (app.dataset.nav === "open") one(".sidebar a")?.focus();
    return;
  }
  show(app.dataset.nav === "narrow" ? "wide" : "narrow");
  try {
    localStorage.setItem("sidebar", app.dataset.nav);
  } catch {
    // Storage may be switched off; then the choice lasts for this page.
  }
}

/** Close the drawer of a small screen; return whether it was open. */
export function closeDrawer() {
  if (app?.dataset.nav !== "open") return false;
  show("wide");
  button?.focus();
  return true;
}

if (app) {
  let kept = null;
  try {
    kept = localStorage.getItem("sidebar");
  } catch {
    // As above.
  }
  show(kept === "narrow" && !small.matches ? "narrow" : "wide");
  document.addEventListener("click", (event) => {
    if (app.dataset.nav === "open" && !event.target.closest(".sidebar, [data-action=nav]")) closeDrawer();
  });
  small.addEventListener("change", () => show("wide"));
}
