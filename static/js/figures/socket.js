// The socket of figures. It opens itself again until the container runs no more, and is closed while
// nobody looks: the node reads nothing for a tab that is hidden.

const WAITS_MS = [500, 1000, 2000, 5000, 10000];
const ENDED = new Set([1000, 4403, 4404, 4409]);

export class FigureSocket extends EventTarget {
  /** @param {string} address path of the socket, with its query */
  constructor(address) {
    super();
    this.address = address;
    this.tries = 0;
    this.socket = null;
  }

  open() {
    this.close();
    const address = new URL(this.address, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onmessage = (message) => this.heard(socket, JSON.parse(message.data));
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  close() {
    clearTimeout(this.again);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  heard(socket, message) {
    if (socket !== this.socket) return;
    this.tries = 0;
    if (message.type === "sample") this.dispatchEvent(new CustomEvent("sample", { detail: message }));
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.dispatchEvent(new CustomEvent(ENDED.has(code) ? "end" : "lost"));
    if (ENDED.has(code)) return;
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    this.again = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }
}
