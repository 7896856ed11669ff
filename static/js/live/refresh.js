// Fetch this page again and patch its live parts in place: focus, selection, scroll, open menus stay.
import { all, one } from "../frame/dom.js";
import { mergeRows } from "./rows.js";

const CALM_MS = 60;
const BUSY_MS = 500;
const ANSWER_MS = 10_000;
const KEPT = new Set(["open", "aria-expanded", "data-nav", "aria-selected"]);

let running = false;
let again = false;
let timer = 0;
let last = 0;

const callbacks = {
  beforeAttributeUpdated: (name, node) => !(KEPT.has(name) || (name === "checked" && node.matches("input"))),
  // htmx reads its attributes once, when it first sees an element.
  afterNodeAdded: (node) => node.nodeType === Node.ELEMENT_NODE && window.htmx.process(node),
};

/**
 * Patch `now` so that it looks like `fresh`. A button whose act changed is a new button (its id says
 * which act); whoever had the focus on the old one finds it on the new one.
 */
export function morph(now, fresh) {
  const focused = document.activeElement;
  const place = focused?.dataset.place;
  const ignoreActiveValue = focused?.matches("input, textarea, select") ?? false;
  window.Idiomorph.morph(now, fresh, { morphStyle: "outerHTML", ignoreActiveValue, callbacks });
  if (place && !focused.isConnected) one(`[data-place="${place}"]`)?.focus({ preventScroll: true });
}

function known() {
  return all("[data-live=rows] tr[id]").map((row) => row.id.replace(/^row-/, "")).join(",");
}

async function fetchPage() {
  const headers = { "HX-Request": "true", "X-Known-Rows": known() };
  // An answer that never comes must not end the refreshing for good.
  const signal = AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(location.href, { headers, cache: "no-store", signal });
  if (answer.redirected || answer.status === 401 || answer.status === 403) {
    location.reload();
    return null;
  }
  if (!answer.ok && answer.status !== 404) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function patch(page) {
  if (one("[data-missing]", page)) {
    // What this page is about was deleted meanwhile: say so and leave the rest readable.
    one("#gone")?.removeAttribute("hidden");
    return;
  }
  for (const now of all("[data-live]")) {
    const fresh = page.getElementById(now.id);
    if (!fresh) continue;
    if (now.dataset.live === "rows" && mergeRows(now, fresh, morph)) continue;
    morph(now, fresh);
  }
  document.dispatchEvent(new CustomEvent("moorage:patched"));
  const seq = Number(one("#seq", page)?.dataset.seq ?? 0);
  if (seq) document.dispatchEvent(new CustomEvent("moorage:seq", { detail: seq }));
}

async function run() {
  running = true;
  again = false;
  last = performance.now();
  try {
    const page = await fetchPage();
    if (page) patch(page);
  } catch {
    // The link notices that the panel is away, says so, and asks again once it is back.
  }
  running = false;
  if (again) refreshSoon();
  else pollWhileBusy();
}

/** Fetch and patch in a moment; many calls become one, and a storm at most two a second. */
export function refreshSoon() {
  if (running) {
    again = true;
    return;
  }
  clearTimeout(timer);
  const since = performance.now() - last;
  timer = setTimeout(run, since < BUSY_MS ? Math.max(CALM_MS, BUSY_MS - since) : CALM_MS);
}

// Progress lives in rows that raise no event, so while something runs we look twice a second.
function pollWhileBusy() {
  if (document.hidden || !one("[data-busy]")) return;
  clearTimeout(timer);
  timer = setTimeout(run, BUSY_MS);
}

document.addEventListener("visibilitychange", () => !document.hidden && refreshSoon());
document.addEventListener("moorage:refresh", refreshSoon);
pollWhileBusy();
