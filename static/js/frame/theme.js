// Theme: the server renders data-theme from a cookie; "auto" means no attribute, so the system decides.
import { all, one } from "./dom.js";

const THEMES = ["auto", "light", "dark"];
const ICONS = { auto: "auto", light: "sun", dark: "moon" };
const root = document.documentElement;

function set(theme) {
  if (theme === "auto") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax${secure}`;
  for (const button of all("[data-action=theme]")) {
    if (button.hasAttribute("aria-label")) button.setAttribute("aria-label", `Theme: ${theme}. Change`);
    const use = one("use", button);
    use.setAttribute("href", use.getAttribute("href").replace(/#.*$/, `#${ICONS[theme]}`));
  }
  for (const choice of all("input[name=theme]")) choice.checked = choice.value === theme;
}

/** Go to the next theme: auto, light, dark. */
export function nextTheme() {
  set(THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length]);
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("input[name=theme]")) set(event.target.value);
});
