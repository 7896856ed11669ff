// The socket of a session. It counts the bytes of both directions from the session's beginning, so that
// it can be opened again where it broke: output goes on at `offset`, input that never came is sent anew.

const WAITS_MS = [100, 300, 600, 1000];
// The node's agent is away. Each try is a row in the database, so there are few.
const WAITS_AWAY_MS = [1000, 2000, 5000, 10000];
const CLOSED_UNAVAILABLE = 4503;
const CLOSED_FOR_GOOD = [4400, 4403, 4404];
const PIECE = 16 * 1024;
const INPUT_AHEAD = 64 * 1024;

/** Input that is not known to have been taken; positions count from the session's beginning. */
class Outbox {
  constructor() {
    this.bytes = new Uint8Array(0);
    this.begin = null;
    this.sent = 0;
    this.taken = 0;
  }

  put(bytes) {
    const longer = new Uint8Array(this.bytes.length + bytes.length);
    longer.set(this.bytes);
    longer.set(bytes, this.bytes.length);
    this.bytes = longer;
  }

  /** A connection says what has come; what was sent behind that is lost and sent again. */
  resume(received, taken) {
    this.begin ??= received;
    this.sent = received;
    this.take(taken);
  }

  take(total) {
    this.taken = Math.max(this.taken, total);
    const drop = Math.min(Math.max(this.taken - this.begin, 0), this.bytes.length);
    this.bytes = this.bytes.subarray(drop);
    this.begin += drop;
  }

  /** The next piece that may be sent, or null. */
  next() {
    const from = this.sent - this.begin;
    const most = Math.min(PIECE, this.taken + INPUT_AHEAD - this.sent, this.bytes.length - from);
    if (most <= 0) return null;
    this.sent += most;
    return this.bytes.subarray(from, from + most);
  }
}

export class SessionSocket extends EventTarget {
  /** @param {string} address path of the socket @param {() => {rows: number, columns: number}} size */
  constructor(address, size) {
    super();
    this.address = address;
    this.size = size;
    this.offset = 0;
    this.acknowledged = 0;
    this.outbox = new Outbox();
    this.tries = 0;
    this.open = false;
    this.over = false;
  }

  connect() {
    clearTimeout(this.again);
    const address = new URL(this.address, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("offset", String(this.offset));
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = (message) => {
      if (socket !== this.socket) return;
      if (typeof message.data === "string") this.heard(JSON.parse(message.data));
      else this.shown(new Uint8Array(message.data));
    };
    socket.onclose = (event) => this.closed(socket, event.code, event.reason);
  }

  shown(message) {
    const bytes = message.subarray(1);
    this.offset += bytes.length;
    this.tell("output", { bytes, offset: this.offset, stream: message[0] });
  }

  heard(message) {
    if (message.type === "open") {
      this.open = true;
      this.tries = 0;
      if (message.offset !== this.offset) this.tell("gap", message.offset - this.offset);
      this.offset = message.offset;
      this.outbox.resume(message.received, message.taken);
      this.tell("open", message);
      this.resize();
      this.flush();
    } else if (message.type === "taken") {
      this.outbox.take(message.total);
      this.flush();
    } else {
      this.over = true;
      this.tell(message.type, message);
    }
  }

  /** @param {string} text what was typed or pasted */
  type(text) {
    this.input(new TextEncoder().encode(text));
  }

  input(bytes) {
    if (this.over) return;
    this.outbox.put(bytes);
    this.flush();
  }

  flush() {
    if (!this.open) return;
    for (let piece = this.outbox.next(); piece; piece = this.outbox.next()) this.socket.send(piece);
  }

  resize() {
    if (this.open) this.order({ type: "resize", ...this.size() });
  }

  /** Everything up to `offset` is on the screen: there is room for more. */
  acknowledge(offset) {
    this.acknowledged = Math.max(this.acknowledged, offset);
    if (this.open) this.order({ type: "ack", offset: Math.min(this.acknowledged, this.offset) });
  }

  /** End the session. */
  hangUp() {
    if (this.open) this.order({ type: "close" });
  }

  order(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  closed(socket, code, reason) {
    if (socket !== this.socket) return;
    const was = this.open;
    this.open = false;
    if (this.over) return;
    if (CLOSED_FOR_GOOD.includes(code)) {
      this.over = true;
      this.tell("gone", { code, reason });
      return;
    }
    this.tell("lost", { was });
    const waits = code === CLOSED_UNAVAILABLE ? WAITS_AWAY_MS : WAITS_MS;
    const wait = waits[Math.min(this.tries, waits.length - 1)];
    this.tries += 1;
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }

  tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
