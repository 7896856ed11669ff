// The one socket of a page that tells "something changed": /ws/events, resumed by sequence number.
// It never carries the data itself; whoever hears it fetches the page again and patches (refresh.js).

const HEARTBEAT_LATE_MS = 8000;
const LOST_AFTER_MS = 2000;
const WAITS_MS = [100, 300, 600, 1000];
const ASK_EVERY = 4;

export class EventLink extends EventTarget {
  /** @param {number} seq the sequence number that the page was rendered with */
  constructor(seq) {
    super();
    this.seq = seq;
    this.tries = 0;
    this.alive = 0;
    this.lostTimer = 0;
    this.fetchFirst = false;
  }

  /** Open the socket; it opens itself again for ever after. */
  connect() {
    clearTimeout(this.again);
    const address = new URL(`/ws/events?since=${this.seq}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (message) => this.heard(JSON.parse(message.data));
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  opened() {
    const back = this.tries > 0;
    this.tries = 0;
    this.heartbeatDue();
    if (back) this.tell("stale");
  }

  heard(message) {
    this.heartbeatDue();
    clearTimeout(this.lostTimer);
    this.lostTimer = 0;
    this.tell("live");
    if (message.type === "event") {
      this.seq = Math.max(this.seq, message.seq);
      this.tell("change", message);
    } else if (message.type === "heartbeat") {
      // Everything of this team up to here was sent before it; other teams count on, too.
      this.seq = Math.max(this.seq, message.seq);
    }
  }

  heartbeatDue() {
    clearTimeout(this.alive);
    this.alive = setTimeout(() => this.socket.close(), HEARTBEAT_LATE_MS);
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    clearTimeout(this.alive);
    this.lostTimer ||= setTimeout(() => this.tell("lost"), LOST_AFTER_MS);
    // 44xx: the server says "fetch again" (too slow a reader, or a sequence no longer kept).
    // Refused again and again: the session may have ended, which only the page can tell.
    if ((code >= 4400 && code < 4500) || this.tries % ASK_EVERY === ASK_EVERY - 1) this.tell("stale");
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }

  tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
