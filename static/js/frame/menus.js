// Menus are native popovers; we place them next to their button and move by arrow keys. Tooltips are
// the accessible name of an icon button, shown after a moment.
import { all, one } from "./dom.js";

const GAP = 4;
const TIP_AFTER_MS = 450;

function place(panel, button) {
  const anchor = button.getBoundingClientRect();
  const box = panel.getBoundingClientRect();
  const below = anchor.bottom + GAP;
  const top = below + box.height > innerHeight ? anchor.top - box.height - GAP : below;
  panel.style.setProperty("top", `${Math.max(GAP, top)}px`);
  panel.style.setProperty("left", `${Math.max(GAP, Math.min(anchor.left, innerWidth - box.width - 8))}px`);
}

let opener = null;
document.addEventListener(
  "click",
  (event) => {
    opener = event.target.closest?.("[popovertarget]") ?? opener;
  },
  true,
);

document.addEventListener(
  "toggle",
  (event) => {
    const panel = event.target;
    if (!panel.matches?.(".menu[popover]")) return;
    const button = one(`[popovertarget="${panel.id}"]`) ?? opener;
    const open = event.newState === "open";
    button?.setAttribute("aria-expanded", String(open));
    if (open && button) {
      place(panel, button);
      one("a, button", panel)?.focus();
    }
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const panel = event.target.closest?.(".menu[popover]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!panel || !step) return;
  event.preventDefault();
  const choices = all("a, button", panel);
  choices.at((choices.indexOf(document.activeElement) + step + choices.length) % choices.length).focus();
});

const tip = Object.assign(document.createElement("div"), { className: "tip", popover: "manual" });
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
let waiting = 0;

function hideTip() {
  clearTimeout(waiting);
  if (tip.matches(":popover-open")) tip.hidePopover();
}

function showTipSoon(event) {
  const button = event.target.closest?.(".icon-btn[aria-label]");
  hideTip();
  if (!button || (event.type === "focusin" && !button.matches(":focus-visible"))) return;
  waiting = setTimeout(() => {
    if (!button.isConnected) return;
    tip.textContent = button.getAttribute("aria-label");
    tip.showPopover();
    place(tip, button);
  }, TIP_AFTER_MS);
}

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, showTipSoon);
for (const kind of ["pointerdown", "keydown", "scroll"]) document.addEventListener(kind, hideTip, true);
