/** The connection to the server: a plain WebSocket that comes back by itself and keeps its place in the room. */

const RETRY_MS = 1_000;

export class Signalling extends EventTarget {
  #socket = null;
  #seat = null;
  #resume = true;
  #key = "";

  /** Who it is in which room, once it has joined. */
  get seat() {
    return this.#seat;
  }

  join(userId, roomId, key) {
    this.#seat = { userId, roomId };
    this.#resume = true;
    this.#key = key;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#sendJoin();
    else this.#open();
  }

  leave() {
    if (this.#seat) this.send({ type: "leave", ...this.#seat });
    this.#seat = null;
  }

  /** Sends an object to the room that it is in. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const whole = { roomId: this.#seat?.roomId, ...message };
    this.#socket.send(JSON.stringify(whole));
    // The log may be copied and shown to others.
    this.#tell("sent", "token" in whole ? { ...whole, token: "…" } : whole);
  }

  #open() {
    // Beside the page, also under a path that a proxy put it at.
    const address = new URL("ws", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    if (this.#key) address.searchParams.set("auth", this.#key);
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#tell("state", "connecting");
    socket.addEventListener("open", () => {
      this.#tell("state", "connected");
      this.#sendJoin();
    });
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data)));
    socket.addEventListener("close", ({ code }) => {
      this.#tell("state", "offline");
      const isRefused = code === 1008;
      if (this.#seat && !isRefused) setTimeout(() => this.#seat && this.#open(), RETRY_MS);
    });
  }

  #sendJoin() {
    const token = this.#key ? { token: this.#key } : {};
    this.send({ type: "join", ...this.#seat, resume: this.#resume, ...token });
  }

  #hear(message) {
    if (message.type === "joined") this.#resume = message.resume ?? true;
    this.#tell("heard", message);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
