// The figures of one container: joins socket, rates and charts, while it runs and somebody looks.
import { all, one } from "../frame/dom.js";
import { Chart } from "./chart.js";
import * as rates from "./rates.js";
import { FigureSocket } from "./socket.js";

const MIB = 1024 * 1024;
// The top of each scale at least, so that noise near nothing looks like nothing.
const LEAST = { cpu: 10, memory: 16 * MIB, network: 10_240, io: 102_400, pids: 8 };
const AGAIN_MS = 3000;
const RUNS = new Set(["running", "paused"]);

class Figures {
  constructor(box) {
    this.box = box;
    this.status = one("[data-figures-status]", box);
    this.before = null;
    this.cards = all("[data-figure]", box).map((card) => ({
      key: card.dataset.figure,
      value: one("[data-value]", card),
      of: one("[data-of]", card),
      note: one("[data-note]", card),
      chart: new Chart(one("svg", card), rates.words[card.dataset.figure], LEAST[card.dataset.figure]),
      spark: one("svg", card),
    }));
    this.socket = new FigureSocket(box.dataset.socket);
    this.socket.addEventListener("sample", (event) => this.take(event.detail));
    this.socket.addEventListener("lost", () => this.say("Reconnecting"));
    this.socket.addEventListener("end", () => this.ended());
    document.addEventListener("visibilitychange", () => this.look());
    document.addEventListener("moorage:patched", () => this.stateMayHaveChanged());
    addEventListener("pagehide", () => this.socket.close());
    addEventListener("pageshow", (event) => event.persisted && this.look());
    this.look();
  }

  /** It may run again already, so soon that the page never showed another state. */
  ended() {
    this.say("It does not run: these are its last figures");
    clearTimeout(this.again);
    this.again = setTimeout(() => !this.socket.socket && this.look(), AGAIN_MS);
  }

  look() {
    this.before = null;
    if (!document.hidden && RUNS.has(this.box.dataset.state)) this.socket.open();
    else this.socket.close();
  }

  stateMayHaveChanged() {
    const state = one("#container-head")?.dataset.state ?? this.box.dataset.state;
    if (state === this.box.dataset.state) return;
    const ran = RUNS.has(this.box.dataset.state);
    this.box.dataset.state = state;
    if (!RUNS.has(state)) return; // the socket ends by itself, with the last sample
    this.box.hidden = false;
    if (ran && this.socket.socket) return;
    for (const card of this.cards) card.chart.clear();
    this.look();
  }

  take(sample) {
    this.say("");
    const before = this.before;
    this.before = sample;
    if (!before) return;
    const seconds = (sample.monotonic_ns - before.monotonic_ns) / 1e9;
    // A count that went back is of another run.
    if (seconds <= 0 || sample.cpu?.usage_ns < before.cpu?.usage_ns) return;
    for (const card of this.cards) this.show(card, rates[card.key](sample, before, seconds));
  }

  show(card, figure) {
    card.value.textContent = figure.value;
    card.of.textContent = figure.of;
    card.note.textContent = figure.note;
    card.spark.classList.toggle("hot", Boolean(figure.hot));
    card.chart.add(figure.number);
  }

  say(words) {
    if (this.status.textContent !== words) this.status.textContent = words;
  }
}

const box = one("[data-figures]");
if (box) new Figures(box);
