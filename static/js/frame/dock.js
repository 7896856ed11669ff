// The dock of running operations: opens by itself only for one that was started on this page.
import { one } from "./dom.js";

const open = () => one("#dock details")?.setAttribute("open", "");

// Closed or open is remembered for this tab; a small screen starts closed.
try {
  if (sessionStorage.getItem("dock") === "open" && matchMedia("(width >= 48rem)").matches) open();
} catch {
  // Storage may be switched off.
}

document.addEventListener(
  "toggle",
  (event) => {
    if (!event.target.closest?.("#dock")) return;
    try {
      sessionStorage.setItem("dock", event.target.open ? "open" : "closed");
    } catch {
      // As above.
    }
  },
  true,
);

let asked = false;
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.verb === "post") {
    asked = true;
    document.dispatchEvent(new CustomEvent("moorage:refresh"));
  }
});
document.addEventListener("moorage:patched", () => {
  if (!asked || !one("#dock .dock-op")) return;
  asked = false;
  if (matchMedia("(width >= 48rem)").matches) open();
});
