// Toasts: a short word on what was just asked for. One of an operation follows it until it ended.
import { all, icon, one } from "./dom.js";

const LEAVES_AFTER_MS = 8000;
const FOLLOW_EVERY_MS = 350;
const box = one("#toasts");

/** Show `text`; `kind` is good, bad, busy or idle. */
export function toast(text, kind = "idle") {
  if (!box) return;
  const card = document.createElement("div");
  card.className = `toast ${kind}`;
  const words = document.createElement("span");
  words.textContent = text;
  const close = Object.assign(document.createElement("button"), { type: "button", className: "icon-btn sm" });
  close.dataset.action = "dismiss";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("close"));
  card.append(icon({ bad: "error", good: "ok" }[kind] ?? "info"), words, close);
  box.append(card);
}

async function follow(card) {
  const answer = await fetch(card.dataset.follow, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!card.isConnected) return;
  if (answer?.ok) {
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".toast");
    if (fresh && card.isConnected) {
      window.Idiomorph.morph(card, fresh, { morphStyle: "outerHTML" });
      look();
      return;
    }
  }
  setTimeout(() => follow(card), FOLLOW_EVERY_MS * 3);
}

function leaveLater(card) {
  setTimeout(() => {
    if (card.matches(":hover, :focus-within")) leaveLater(card);
    else card.remove();
  }, LEAVES_AFTER_MS);
}

const seen = new WeakMap();
function look() {
  for (const card of all(".toast", box)) {
    const stage = card.dataset.follow ?? "final";
    if (stage !== "final") {
      if (seen.get(card) === "waiting") continue;
      seen.set(card, "waiting");
      setTimeout(() => {
        seen.delete(card);
        follow(card);
      }, FOLLOW_EVERY_MS);
    } else if (seen.get(card) !== "leaving" && !card.matches(".bad")) {
      seen.set(card, "leaving");
      leaveLater(card);
    }
  }
}

if (box) {
  new MutationObserver(look).observe(box, { childList: true });
  look();
}
document.addEventListener("htmx:sendError", () => toast("The panel does not answer. Nothing was changed.", "bad"));
document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  if (!responseText.includes('id="toasts"')) toast(`That did not work (${status}).`, "bad");
});
