// The line cursor: arrow keys choose a line, y copies its link, a click on a time does the same. A link
// names the byte offset, which stays true when old lines are rotated away.
import { one } from "../frame/dom.js";
import { toast } from "../frame/toasts.js";

export class Cursor {
  /** @param {HTMLElement} box @param {() => void} chosen called when a line is chosen by hand */
  constructor(box, chosen) {
    this.box = box;
    this.chosen = chosen;
    this.wanted = location.hash.slice(1);
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => {
      if (!event.target.matches(".ts")) return;
      this.choose(event.target.parentElement);
      this.copy();
    });
    if (/^b\d+/.test(this.wanted)) this.waitForLine();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: "next", ArrowUp: "previous" }[event.key];
    if (step) {
      event.preventDefault();
      this.choose(this.neighbour(step));
    }
    if (event.key === "y") this.copy();
  }

  neighbour(which) {
    const line = one(".at", this.box);
    const side = `${which}ElementSibling`;
    if (!line) return which === "previous" ? this.box.lastElementChild?.lastElementChild : this.box.firstElementChild?.firstElementChild;
    const block = line.parentElement[side];
    return line[side] ?? (which === "next" ? block?.firstElementChild : block?.lastElementChild);
  }

  choose(line) {
    if (!line) return;
    this.chosen();
    one(".at", this.box)?.classList.remove("at");
    line.classList.add("at");
    if (line.id) history.replaceState(history.state, "", `#${line.id}`);
    line.scrollIntoView({ block: "nearest" });
  }

  async copy() {
    if (!one(".at", this.box)?.id) return;
    await navigator.clipboard?.writeText(location.href);
    toast("Link to the line copied", "good");
  }

  /** The linked line arrives with the first chunks; take the first one that has its offset. */
  waitForLine() {
    const offset = this.wanted.replace(/-.*/, "");
    const look = () => {
      const line = document.getElementById(this.wanted) ?? one(`[id^="${offset}-"]`, this.box);
      if (!line) return false;
      watcher.disconnect();
      this.choose(line);
      return true;
    };
    const watcher = new MutationObserver(look);
    watcher.observe(this.box, { childList: true, subtree: true });
    look();
  }
}
