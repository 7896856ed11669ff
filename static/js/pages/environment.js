// Rows of the create form's environment. Without this module the form has a few empty rows instead.
import { all, icon, one } from "../frame/dom.js";

const box = one("[data-rows]");

function renumber() {
  all("[data-row]", box).forEach((row, at) => {
    for (const part of ["key", "value"]) {
      const input = one(`[data-part=${part}]`, row);
      input.id = `env-${part}-${at}`;
      one(`[data-label=${part}]`, row).htmlFor = input.id;
    }
  });
}

function add() {
  const row = one("[data-row]", box).cloneNode(true);
  for (const input of all("input", row)) {
    input.value = "";
    input.removeAttribute("aria-invalid");
  }
  one("[data-rows-end]", box).before(row);
  renumber();
  one("input", row).focus();
}

function remove(row) {
  if (all("[data-row]", box).length > 1) row.remove();
  else for (const input of all("input", row)) input.value = "";
  renumber();
  one("[data-add-row]", box).focus();
}

if (box) {
  const rows = all("[data-row]", box);
  rows.forEach((row, at) => at > 0 && !all("input", row).some((input) => input.value) && row.remove());
  renumber();
  one("[data-add-row]", box).hidden = false;
  for (const button of all("[data-remove-row]", box)) button.hidden = false;
  box.addEventListener("click", (event) => {
    if (event.target.closest("[data-add-row]")) add();
    const away = event.target.closest("[data-remove-row]");
    if (away) remove(away.closest("[data-row]"));
  });
}
