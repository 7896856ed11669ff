// The paper a log is written on: a capped list of blocks of lines. Text nodes and class names only;
// nothing that came from a container is ever parsed as HTML.

const BLOCK = 250;
const ROOM_TO_READ = 2000;
export const CAP = 20000;

/** Times are shown in the reader's own zone, to the millisecond. */
function clock(time) {
  const when = new Date(time);
  const two = (value, size = 2) => String(value).padStart(size, "0");
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${two(when.getMilliseconds(), 3)}`;
}

function span(className, text) {
  const node = document.createElement("span");
  if (className) node.className = className;
  node.textContent = text;
  return node;
}

function fill(node, segments) {
  const text = document.createElement("span");
  for (const { text: words, classes } of segments) {
    text.append(classes ? span(classes, words) : document.createTextNode(words));
  }
  node.lastElementChild.replaceWith(text);
}

export class Paper {
  /** @param {HTMLElement} box the scrolling element */
  constructor(box) {
    this.box = box;
    this.count = 0;
    this.nodes = new WeakMap();
  }

  /** Write `line`, or write it anew if it has grown. Return whether it is a new one. */
  write(line) {
    const known = this.nodes.get(line);
    if (known) {
      fill(known, line.segments);
      return false;
    }
    const node = document.createElement("div");
    node.className = "line";
    node.dataset.stream = line.stream;
    node.id = `b${line.offset}-${this.count % 1000}`;
    node.append(span("ts", clock(line.time)), span("", ""));
    node.firstChild.title = line.time;
    fill(node, line.segments);
    this.nodes.set(line, node);
    this.add(node);
    return true;
  }

  /** Write a remark of our own: a gap, an end. */
  remark(text, kind = "note") {
    const node = document.createElement("div");
    node.className = `line ${kind}`;
    node.append(span("ts", ""), span("", text));
    this.add(node);
    return node;
  }

  add(node) {
    let block = this.box.lastElementChild;
    if (!block?.matches(".log-block") || block.childElementCount >= BLOCK) {
      block = Object.assign(document.createElement("div"), { className: "log-block" });
      this.box.append(block);
    }
    block.append(node);
    this.count += 1;
  }

  get full() {
    return this.count >= CAP;
  }

  /**
   * Drop whole blocks from the top until there is room.
   * @param {boolean} keepPlace whether what the reader sees has to stay where it is
   */
  trim(keepPlace) {
    const most = CAP - (keepPlace ? ROOM_TO_READ : BLOCK);
    while (this.count > most && this.box.childElementCount > 1) {
      const block = this.box.firstElementChild;
      const height = keepPlace ? block.offsetHeight : 0;
      this.count -= block.childElementCount;
      block.remove();
      if (keepPlace) this.box.scrollTop -= height;
    }
  }

  clear() {
    this.box.replaceChildren();
    this.count = 0;
  }
}
