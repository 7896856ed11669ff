// The row cursor of a table: j and k move, Enter opens, l shows the logs.
import { all, one, typing } from "../frame/dom.js";

const rows = () => all("table[data-keys] tbody tr");

function move(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.findIndex((row) => row.classList.contains("cursor"));
  const next = Math.max(0, Math.min(list.length - 1, at + step));
  list[at]?.classList.remove("cursor");
  list[next].classList.add("cursor");
  list[next].scrollIntoView({ block: "nearest" });
  one("[data-go=open]", list[next])?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || event.target.closest("[popover]")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) move(step);
  if (event.key === "l") one("tr.cursor [data-go=logs]")?.click();
});
