// Live table rows: known ones are patched where they stand, new ones wait behind one button, deleted
// ones stay, greyed. Nothing jumps under the pointer.
import { one } from "../frame/dom.js";

const SAY_EVERY_MS = 5000;
let lastSaid = 0;

function say(sentence) {
  if (performance.now() - lastSaid < SAY_EVERY_MS && lastSaid) return;
  lastSaid = performance.now();
  const announcer = one("#announcer");
  if (announcer) announcer.textContent = sentence;
}

/**
 * Patch the rows of `now` from `fresh`.
 * @returns {boolean} whether that was possible; if not, the caller patches the whole part
 */
export function mergeRows(now, fresh, morph) {
  const here = one("tbody", now);
  const there = one("tbody", fresh);
  if (!here || !there) return false;
  let waiting = 0;
  for (const row of [...there.rows]) {
    const known = document.getElementById(row.id);
    if (!known) {
      waiting += 1;
      continue;
    }
    const changed = known.dataset.state !== row.dataset.state;
    row.classList.toggle("cursor", known.classList.contains("cursor"));
    morph(known, row);
    if (changed) say(`${row.dataset.name} is ${row.dataset.state}`);
  }
  const button = one("[data-new-rows]", now);
  if (button) {
    button.hidden = waiting === 0;
    one("[data-count]", button).textContent = String(waiting);
  }
  return true;
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-new-rows]")) location.reload();
});
