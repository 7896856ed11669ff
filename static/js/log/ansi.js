// ANSI to plain segments. A pure state machine: text in, [{text, classes}] out. It knows SGR (colours
// and weight); every other escape sequence is dropped whole, also one that was cut between two chunks.

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const ESC = "\u001b";
const LONGEST = 4096;
// Control characters but tab, new line, return and escape; they have no picture.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g;

export class Ansi {
  constructor() {
    this.rest = "";
    this.reset();
  }

  reset() {
    this.colour = "";
    this.bold = this.dim = this.italic = this.underline = this.strike = this.mark = false;
  }

  /**
   * Take `text` in; an unfinished sequence at its end waits for the next call.
   * @param {string} text
   * @returns {{text: string, classes: string}[]}
   */
  feed(text) {
    const input = this.rest + text;
    this.rest = "";
    const out = [];
    let at = 0;
    while (at < input.length) {
      const escape = input.indexOf(ESC, at);
      this.put(out, input.slice(at, escape < 0 ? undefined : escape));
      if (escape < 0) break;
      const end = sequenceEnd(input, escape);
      if (end < 0) {
        if (input.length - escape < LONGEST) this.rest = input.slice(escape);
        break;
      }
      if (input[escape + 1] === "[" && input[end - 1] === "m") this.sgr(input.slice(escape + 2, end - 1));
      at = end;
    }
    return out;
  }

  put(out, text) {
    const visible = text.replace(CONTROLS, "");
    if (visible) out.push({ text: visible, classes: this.classes() });
  }

  classes() {
    const names = [];
    if (this.colour) names.push(`ansi-${this.colour}`);
    for (const name of ["bold", "dim", "italic", "underline", "strike", "mark"]) if (this[name]) names.push(`ansi-${name}`);
    return names.join(" ");
  }

  sgr(body) {
    if (!/^[\d;:]*$/.test(body)) return;
    const codes = body.split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at += 1) {
      if (codes[at] === 38 || codes[at] === 48) at = this.extended(codes, at);
      else this.apply(codes[at]);
    }
  }

  /** 38;5;n and 38;2;r;g;b (48 for the background); return the index of the last code used. */
  extended(codes, at) {
    const foreground = codes[at] === 38;
    if (codes[at + 1] === 5) {
      if (foreground) this.colour = nearest256(codes[at + 2] ?? 0);
      else this.mark = true;
      return at + 2;
    }
    if (codes[at + 1] === 2) {
      if (foreground) this.colour = nearest(codes[at + 2] ?? 0, codes[at + 3] ?? 0, codes[at + 4] ?? 0);
      else this.mark = true;
      return at + 4;
    }
    return at + 1;
  }

  apply(code) {
    if (code === 0) this.reset();
    else if (code === 1) this.bold = true;
    else if (code === 2) this.dim = true;
    else if (code === 3) this.italic = true;
    else if (code === 4) this.underline = true;
    else if (code === 7) this.mark = true;
    else if (code === 9) this.strike = true;
    else if (code === 22) this.bold = this.dim = false;
    else if (code === 23) this.italic = false;
    else if (code === 24) this.underline = false;
    else if (code === 27 || code === 49) this.mark = false;
    else if (code === 29) this.strike = false;
    else if (code >= 30 && code <= 37) this.colour = COLOURS[code - 30];
    else if (code === 39) this.colour = "";
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) this.mark = true;
    else if (code >= 90 && code <= 97) this.colour = COLOURS[code - 90];
  }
}

/** Index after the escape sequence that starts at `start`, or -1 if it is not complete (ECMA-48). */
function sequenceEnd(input, start) {
  const kind = input[start + 1];
  if (kind === undefined) return -1;
  if (kind === "[") {
    for (let at = start + 2; at < input.length; at += 1) {
      const code = input.charCodeAt(at);
      if (code >= 0x40 && code <= 0x7e) return at + 1;
      if (code < 0x20 || code > 0x3f) return at;
    }
    return -1;
  }
  if ("]PX^_".includes(kind)) {
    const bell = input.indexOf("\u0007", start);
    const string = input.indexOf(`${ESC}\\`, start + 2);
    if (bell < 0 && string < 0) return -1;
    return bell >= 0 && (string < 0 || bell < string) ? bell + 1 : string + 2;
  }
  if (kind >= " " && kind <= "/") return input.length > start + 2 ? start + 3 : -1;
  return start + 2;
}

function nearest256(index) {
  if (index < 16) return COLOURS[index % 8];
  if (index > 231) return index < 244 ? "black" : "white";
  const cube = index - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function nearest(red, green, blue) {
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 40) return high < 110 ? "black" : "white";
  const bit = (value) => (value > (high + low) / 2 ? 1 : 0);
  return COLOURS[bit(red) + 2 * bit(green) + 4 * bit(blue)];
}
