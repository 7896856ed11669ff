// Dialogs are native. A shared one (delete) is filled from the button that opens it: texts and the
// form's address come from its data attributes, always as text.
import { all, one } from "./dom.js";

/**
 * Open the dialog that `button` names.
 * @param {HTMLElement} button has data-dialog, and data-fill-<slot> for each [data-slot] inside
 */
export function openDialog(button) {
  const dialog = document.getElementById(button.dataset.dialog);
  if (!dialog) return;
  for (const slot of all("[data-slot]", dialog)) {
    const text = button.getAttribute(`data-fill-${slot.dataset.slot}`);
    if (text === null) continue;
    if (slot.matches("input")) slot.value = text;
    else if (slot.matches("[data-slot-hides]")) slot.hidden = text === "";
    else slot.textContent = text;
  }
  const address = button.dataset.fillAction;
  if (address) one("form", dialog).action = address;
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  if (event.target.matches?.("dialog")) event.target.close();
});
document.addEventListener("submit", (event) => {
  event.target.closest("dialog")?.close();
});
