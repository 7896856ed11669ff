// The terminal page: a form that opens a session, xterm to show it, and notices of what happens to it.
import { one } from "../frame/dom.js";
import { toast } from "../frame/toasts.js";
import { onTheme, theme } from "./colours.js";
import { SessionSocket } from "./socket.js";
import { withAdoptedStyles } from "./styles.js";

const SCROLLBACK = 5000;
const ACK_BYTES = 16 * 1024;
const RESIZE_MS = 80;
const NARROW_PX = 640;

class View {
  constructor(section) {
    this.section = section;
    this.box = one("[data-terminal]", section);
    this.form = one("form", section);
    this.status = one("[data-terminal-status]", section);
    this.tools = one("[data-terminal-tools]", section);
    this.store = `terminal:${section.dataset.container}`;
    this.form.addEventListener("submit", (event) => this.ask(event));
    this.form.elements.shell.addEventListener("change", () => this.showCustom());
    one("[data-end]", section).addEventListener("click", () => this.socket?.hangUp());
    one("[data-copy-selection]", section).addEventListener("click", () => this.copy());
    one("[data-paste]", section).addEventListener("click", () => this.paste());
    one("[data-read-aloud]", section).addEventListener("click", (event) => this.readAloud(event.currentTarget));
    one("[data-full]", section).addEventListener("click", () => this.full());
    this.showCustom();
    const known = sessionStorage.getItem(this.store);
    if (known) this.converse(known);
  }

  showCustom() {
    const custom = this.form.elements.shell.value === "custom";
    one("[data-custom]", this.form).hidden = !custom;
    this.form.elements.command.required = custom;
  }

  /** What the form asks for; a custom command is cut at spaces and needs a shell for more. */
  wish() {
    const { shell, command, user } = this.form.elements;
    const words = shell.value === "custom" ? command.value.trim().split(/\s+/) : [shell.value];
    return { command: words, user: user.value.trim() || null, tty: true, ...this.size() };
  }

  async ask(event) {
    event.preventDefault();
    this.begin();
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.form.dataset.csrf };
    this.say("Opening");
    try {
      const answer = await fetch(this.form.action, { method: "POST", headers, body: JSON.stringify(this.wish()) });
      const told = await answer.json();
      if (answer.ok) this.converse(told.socket);
      else this.end(told.detail ?? told.title ?? "It was refused", "bad");
    } catch {
      this.end("The panel does not answer", "bad");
    }
  }

  /** Show an empty terminal in place of the form. */
  begin() {
    this.form.hidden = true;
    this.tools.hidden = false;
    this.box.hidden = false;
    this.terminal?.dispose();
    this.box.replaceChildren();
    this.terminal = new window.Terminal({
      allowProposedApi: false,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: getComputedStyle(this.box).fontFamily,
      fontSize: this.section.clientWidth < NARROW_PX ? 12 : 14,
      scrollback: SCROLLBACK,
      screenReaderMode: one("[data-read-aloud]", this.section).getAttribute("aria-pressed") === "true",
      theme: theme(this.section),
    });
    this.fit = new window.FitAddon.FitAddon();
    this.terminal.loadAddon(this.fit);
    withAdoptedStyles(document, () => this.terminal.open(this.box));
    this.terminal.attachCustomKeyEventHandler((event) => this.key(event));
    this.terminal.onData((text) => this.socket?.type(text));
    this.terminal.onBinary((text) => this.socket?.input(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    this.terminal.onResize(() => this.socket?.resize());
    this.fit.fit();
    this.terminal.focus();
  }

  size() {
    return { rows: this.terminal.rows, columns: this.terminal.cols };
  }

  converse(address) {
    if (!this.terminal || this.form.hidden === false) this.begin();
    sessionStorage.setItem(this.store, address);
    const socket = new SessionSocket(address, () => this.size());
    this.socket = socket;
    this.drawn = 0;
    socket.addEventListener("open", () => this.say("Connected"));
    socket.addEventListener("output", (event) => this.show(event.detail));
    socket.addEventListener("gap", (event) => event.detail > 0 && socket.acknowledged > 0 && this.note(`${event.detail} bytes are lost`));
    socket.addEventListener("lost", (event) => {
      if (event.detail.was) this.note("Connection lost, reconnecting");
      this.say("Reconnecting");
    });
    socket.addEventListener("exit", (event) => this.exited(event.detail.exit_code));
    socket.addEventListener("parted", (event) => this.end(`Disconnected: ${event.detail.reason}`, "bad"));
    socket.addEventListener("error", (event) => this.end(event.detail.reason, "bad"));
    socket.addEventListener("gone", (event) => this.end(event.detail.reason || "This session is over, or not yours", "bad"));
    socket.connect();
  }

  /** Acknowledge what xterm has drawn; a page that cannot keep up stops the program. */
  show({ bytes, offset }) {
    const socket = this.socket;
    this.terminal.write(bytes, () => {
      if (offset - this.drawn < ACK_BYTES && offset !== socket.offset) return;
      this.drawn = offset;
      socket.acknowledge(offset);
    });
  }

  exited(code) {
    const words = code === null ? "The session ended, its exit code is lost" : `The session ended with exit code ${code}`;
    // Behind all that is still to be drawn.
    this.terminal.write("", () => this.end(words, code === 0 ? "good" : "bad"));
  }

  end(words, kind) {
    sessionStorage.removeItem(this.store);
    this.note(words);
    this.say(words);
    toast(words, kind);
    this.form.hidden = false;
    this.tools.hidden = true;
    one("button[type=submit]", this.form).focus();
  }

  /** A remark of our own, on a line of its own, in the terminal. */
  note(words) {
    this.terminal.write(`\r\n\x1b[0;7m ${words.replace(/[\x00-\x1f\x7f-\x9f]/g, " ")} \x1b[0m\r\n`);
  }

  say(words) {
    this.status.textContent = words;
  }

  /** Keys that are ours and not the program's; false keeps xterm from them. */
  key(event) {
    if (event.type !== "keydown") return true;
    const control = event.ctrlKey && !event.altKey && !event.metaKey;
    if (control && event.key === "F6") {
      event.preventDefault();
      one("[data-end]", this.section).focus();
      return false;
    }
    if (control && event.key.toLowerCase() === "c" && this.terminal.hasSelection()) {
      event.preventDefault();
      this.copy();
      return false;
    }
    // The browser's own paste ends in xterm's, which brackets it.
    return !(control && event.shiftKey && event.key.toLowerCase() === "v");
  }

  async copy() {
    const text = this.terminal?.getSelection();
    if (!text) return;
    await navigator.clipboard?.writeText(text);
    this.terminal.clearSelection();
    this.say("Copied");
  }

  async paste() {
    try {
      this.terminal?.paste(await navigator.clipboard.readText());
    } catch {
      this.say("The browser does not let this page read the clipboard: use Ctrl+Shift+V");
    }
    this.terminal?.focus();
  }

  readAloud(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    if (this.terminal) this.terminal.options.screenReaderMode = on;
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.section.requestFullscreen();
  }

  fitSoon() {
    clearTimeout(this.fitting);
    this.fitting = setTimeout(() => !this.box.hidden && this.fit?.fit(), RESIZE_MS);
  }

  recolour() {
    if (this.terminal) this.terminal.options.theme = theme(this.section);
  }
}

const section = one("[data-terminal-section]");
if (section) {
  const view = new View(section);
  new ResizeObserver(() => view.fitSoon()).observe(section);
  onTheme(() => view.recolour());
}
