// The log page: joins socket, lines and paper; follow goes off by scrolling up, on by End or the pill.
import { one } from "../frame/dom.js";
import { Cursor } from "./cursor.js";
import { Lines } from "./lines.js";
import { Paper } from "./paper.js";
import { LogSocket } from "./socket.js";
import { startTools } from "./tools.js";

const FRAME_MS = 12;
const NEAR_PX = 40;
const bytes = new Intl.NumberFormat("en");

class View {
  constructor(box) {
    this.box = box;
    this.paper = new Paper(box);
    this.lines = new Lines();
    this.queue = [];
    this.following = box.dataset.state === "running";
    this.unseen = 0;
    this.drawn = null;
    this.scheduled = false;
    this.pill = one("[data-pill]");
    this.status = one("[data-log-status]");
    this.socket = new LogSocket(box.dataset.socket, startOf(box));
    this.socket.addEventListener("chunk", (event) => this.take(event.detail));
    this.socket.addEventListener("open", () => this.say(""));
    this.socket.addEventListener("lost", () => this.say("Reconnecting"));
    this.socket.addEventListener("gone", () => this.say("This log is gone"));
    this.socket.addEventListener("end", () => this.take({ end: true }));
    this.socket.addEventListener("fault", (event) => this.take({ fault: event.detail }));
    this.listen();
    this.socket.connect();
    this.setFollow(this.following);
  }

  take(chunk) {
    this.queue.push(chunk);
    this.schedule();
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      this.scheduled = false;
      this.draw();
    };
    // A hidden tab gets no animation frames; its reader still wants to find the log complete.
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  draw() {
    const until = performance.now() + FRAME_MS;
    const held = this.held();
    while (this.queue.length && !held && performance.now() < until) this.write(this.queue.shift());
    if (this.drawn !== null) this.socket.acknowledge(this.drawn);
    this.drawn = null;
    if (this.following) this.paper.trim(false);
    else if (this.paper.full && this.atEnd()) this.paper.trim(true);
    if (this.following) this.box.scrollTop = this.box.scrollHeight;
    this.showPill();
    if (this.queue.length && !this.held()) this.schedule();
  }

  /** Paused and full: we stop acknowledging, so the server stops sending. Nothing piles up. */
  held() {
    return this.paper.full && !this.following && !this.atEnd();
  }

  write(chunk) {
    if (chunk.end) this.paper.remark("End of the log: the container does not run.", "end");
    else if (chunk.fault) this.paper.remark(chunk.fault.detail ?? chunk.fault.title ?? "The log cannot be read just now.");
    else this.writeChunk(chunk);
  }

  writeChunk(chunk) {
    if (chunk.gap) this.paper.remark(`${bytes.format(chunk.gap)} bytes are missing here: they were rotated away, or the disk was full.`);
    let fresh = 0;
    for (const line of this.lines.cut(chunk)) fresh += this.paper.write(line) ? 1 : 0;
    if (!this.following) this.unseen += fresh;
    this.drawn = chunk.offset;
  }

  atEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_PX;
  }

  setFollow(on) {
    this.following = on;
    one("[data-follow]")?.setAttribute("aria-pressed", String(on));
    if (on) {
      this.unseen = 0;
      this.box.scrollTop = this.box.scrollHeight;
      if (this.queue.length) this.schedule();
    } else this.pausedAt = new Date().toLocaleTimeString([], { hour12: false });
    this.showPill();
  }

  showPill() {
    this.pill.hidden = this.following || this.unseen === 0 || this.atEnd();
    if (!this.pill.hidden) one("[data-words]", this.pill).textContent = `Paused at ${this.pausedAt}, ${bytes.format(this.unseen)} new lines`;
  }

  listen() {
    one("[data-follow]")?.addEventListener("click", () => this.setFollow(!this.following));
    one("button", this.pill)?.addEventListener("click", () => this.setFollow(true));
    this.box.addEventListener("wheel", (event) => event.deltaY < 0 && this.following && this.setFollow(false), { passive: true });
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.box.addEventListener("keydown", (event) => {
      if (["PageUp", "Home"].includes(event.key) && this.following) this.setFollow(false);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "End" || event.target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      this.setFollow(true);
    });
    document.addEventListener("visibilitychange", () => this.queue.length && this.schedule());
    document.addEventListener("moorage:patched", () => this.stateMayHaveChanged());
    one("[data-from-start]")?.addEventListener("click", () => this.restart(new URLSearchParams({ offset: 0 })));
  }

  /** By hand to the very end turns follow on again; away from it turns it off. */
  scrolled() {
    const end = this.atEnd();
    const up = this.box.scrollTop < (this.lastTop ?? 0) - 2;
    this.lastTop = this.box.scrollTop;
    if (this.following && up && !end) this.setFollow(false);
    else if (!this.following && end && this.box.dataset.state === "running" && !this.queue.length) this.setFollow(true);
    else if (end && this.queue.length) this.schedule();
    this.showPill();
  }

  restart(start) {
    this.socket.close();
    this.queue.length = 0;
    this.paper.clear();
    this.lines = new Lines();
    this.socket.offset = null;
    this.socket.start = start;
    this.setFollow(false);
    this.socket.connect();
  }

  /** A container that was started again goes on with the same log. */
  stateMayHaveChanged() {
    const state = one("#container-head")?.dataset.state ?? this.box.dataset.state;
    if (state === this.box.dataset.state) return;
    this.box.dataset.state = state;
    if (state !== "running") this.setFollow(false);
    else if (this.socket.ended) {
      this.socket.connect();
      this.setFollow(true);
    }
  }

  say(words) {
    if (this.status) this.status.textContent = words;
  }
}

function startOf(box) {
  const wanted = /^#b(\d+)/.exec(location.hash);
  if (wanted) return new URLSearchParams({ offset: Math.max(0, Number(wanted[1]) - 32768) });
  return new URLSearchParams({ tail: box.dataset.tail });
}

const box = one("[data-socket].log");
if (box) {
  const view = new View(box);
  new Cursor(box, () => view.setFollow(false));
  startTools(box);
}
