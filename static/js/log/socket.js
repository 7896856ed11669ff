// The log socket: resumes by offset, acknowledges what was drawn, and so decides how much may be in
// flight. It opens itself again until the log has ended.

const WAITS_MS = [100, 300, 600, 1000];
// The node's agent is away. Each try is a row in the database, so there are few.
const WAITS_AWAY_MS = [1000, 2000, 5000, 10000];
const CLOSED_UNAVAILABLE = 4503;

export class LogSocket extends EventTarget {
  /** @param {string} address path of the socket @param {URLSearchParams} start where to begin */
  constructor(address, start) {
    super();
    this.address = address;
    this.start = start;
    this.offset = null;
    this.tries = 0;
    this.ended = false;
  }

  connect() {
    clearTimeout(this.again);
    this.ended = false;
    const address = new URL(this.address, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const query = this.offset === null ? this.start : new URLSearchParams({ offset: this.offset });
    address.search = query.toString();
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onopen = () => this.tell("open");
    socket.onmessage = (message) => this.heard(socket, JSON.parse(message.data));
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  heard(socket, message) {
    if (socket !== this.socket) return;
    // Not at the opening: a socket opens before the agent is asked.
    this.tries = 0;
    if (message.type === "chunk") {
      if (this.offset !== null && message.offset <= this.offset) return;
      this.offset = message.offset;
      this.tell("chunk", message);
    } else if (message.type === "end") {
      this.ended = true;
      this.tell("end", message);
    } else if (message.type === "error" || message.type === "fault") this.tell("fault", message);
  }

  /** Tell the server that everything up to `offset` was drawn. */
  acknowledge(offset) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ack: offset }));
  }

  closed(socket, code) {
    if (socket !== this.socket || this.ended) return;
    if (code === 4404 || code === 4403) {
      this.tell("gone");
      return;
    }
    this.tell("lost");
    const waits = code === CLOSED_UNAVAILABLE ? WAITS_AWAY_MS : WAITS_MS;
    const wait = waits[Math.min(this.tries, waits.length - 1)];
    this.tries += 1;
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }

  close() {
    clearTimeout(this.again);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
