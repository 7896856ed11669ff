// Chunks to lines. Each stream is cut on its own, so that a half line of stderr never ends up inside
// one of stdout. Pure: no document here.
import { Ansi } from "./ansi.js";

const LONGEST = 16384;

class Stream {
  constructor() {
    this.ansi = new Ansi();
    this.decoder = new TextDecoder();
    this.open = null;
  }

  text(chunk) {
    if (chunk.base64) {
      const bytes = Uint8Array.from(atob(chunk.data), (letter) => letter.charCodeAt(0));
      return this.decoder.decode(bytes, { stream: true });
    }
    return this.decoder.decode() + chunk.data;
  }
}

export class Lines {
  constructor() {
    this.streams = new Map();
  }

  /**
   * Cut one chunk. A line without its end is told again, under the same key, once it has grown.
   * @param {{stream: string, time: string, offset: number, data: string, base64?: boolean}} chunk
   * @returns {{stream: string, time: string, offset: number, segments: object[], whole: boolean}[]}
   */
  cut(chunk) {
    if (!this.streams.has(chunk.stream)) this.streams.set(chunk.stream, new Stream());
    const stream = this.streams.get(chunk.stream);
    const parts = stream.text(chunk).split("\n");
    const out = [];
    parts.forEach((part, number) => {
      const last = number === parts.length - 1;
      if (last && part === "") return;
      const line = stream.open ?? { stream: chunk.stream, time: chunk.time, offset: chunk.offset, segments: [], whole: false, length: 0 };
      append(line, part.endsWith("\r") && !last ? part.slice(0, -1) : part, stream.ansi);
      line.whole = !last || line.length > LONGEST;
      stream.open = line.whole ? null : line;
      out.push(line);
    });
    return out;
  }
}

/** A lone carriage return starts the line over, as a terminal does with a progress bar. */
function append(line, text, ansi) {
  text.split("\r").forEach((piece, number) => {
    if (number > 0 && piece !== "") {
      line.segments.length = 0;
      line.length = 0;
    }
    line.segments.push(...ansi.feed(piece));
    line.length += piece.length;
  });
}
