// The table of processes: asked for when the page opens and by its button. What processes call
// themselves is only ever set as text.
import { one } from "../frame/dom.js";
import { size } from "./rates.js";

const STATES = {
  R: "Running",
  S: "Sleeping",
  D: "Waits for a device",
  T: "Stopped",
  t: "Traced",
  Z: "Ended, not collected",
  I: "Idle",
};
const COUNTS = new Intl.NumberFormat("en");

function cell(row, text, className = "", label = "") {
  const made = row.appendChild(document.createElement("td"));
  made.className = className;
  if (label) made.dataset.label = label;
  made.textContent = text;
}

function span(nanoseconds) {
  const seconds = nanoseconds / 1e9;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${(seconds / 3600).toFixed(1)} h`;
}

function line(process) {
  const row = document.createElement("tr");
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  head.className = "head";
  const command = head.appendChild(document.createElement("code"));
  command.className = "cut";
  command.textContent = process.command;
  command.title = process.command;
  cell(row, process.pid ?? "–", "num", "Inside");
  cell(row, process.host_pid, "num muted", "On the node");
  cell(row, process.uid ?? "–", "num", "User");
  cell(row, STATES[process.state] ?? process.state, "nowrap", "State");
  cell(row, span(process.cpu_ns), "num nowrap", "CPU time");
  cell(row, size(process.rss_bytes), "num nowrap", "Memory");
  cell(row, new Date(process.started).toLocaleString(), "num muted nowrap", "Started");
  return row;
}

class Processes {
  constructor(box) {
    this.box = box;
    this.rows = one("tbody", box);
    this.status = one("[data-processes-status]", box);
    this.button = one("[data-again]", box);
    this.button.addEventListener("click", () => this.ask());
    document.addEventListener("moorage:patched", () => this.stateMayHaveChanged());
    this.ask();
  }

  async ask() {
    this.button.disabled = true;
    try {
      const answer = await fetch(this.box.dataset.address, { cache: "no-store" });
      const told = await answer.json();
      if (answer.ok) this.show(told);
      else this.say(answer.status === 409 ? "It does not run, so it has no processes." : (told.detail ?? "The node does not answer."));
    } catch {
      this.say("The panel does not answer.");
    }
    this.button.disabled = false;
  }

  show(told) {
    this.rows.replaceChildren(...told.processes.map(line));
    const more = told.total > told.processes.length ? `, the first ${COUNTS.format(told.processes.length)} are shown` : "";
    const count = `${COUNTS.format(told.total)} process${told.total === 1 ? "" : "es"}${more}`;
    this.say(`${count}, as of ${new Date(told.time).toLocaleTimeString([], { hour12: false })}`);
  }

  say(words) {
    this.status.textContent = words;
  }

  stateMayHaveChanged() {
    const state = one("#container-head")?.dataset.state;
    if (!state || state === this.box.dataset.state) return;
    this.box.dataset.state = state;
    this.ask();
  }
}

const box = one("[data-processes]");
if (box) new Processes(box);
