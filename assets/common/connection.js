/** The socket to the server: one name per event, nothing of what the events mean. */

import { io } from "./vendor/socket.io.esm.min.js";

import { base } from "./base.js";

/** An answer that has not come by then does not come. */
const ANSWER_WITHIN_MS = 10_000;

export class Connection {
  #socket;

  /**
   * `handlers` maps each event that is listened to, and `connected`, `disconnected` and `upgraded`, to a function;
   * `token`, if there is one, is what the server asks for in the handshake. If it is a function, it is asked each time,
   * and the page connects when it calls `open`.
   */
  constructor({ connected, disconnected, upgraded, ...handlers }, token = null) {
    const path = new URL("socket.io/", base).pathname;
    const isAsked = typeof token === "function";
    const auth = isAsked ? (take) => take({ token: token() }) : token === null ? undefined : { token };
    const patience = { reconnectionDelay: 500, reconnectionDelayMax: 4000, timeout: 15_000 };
    this.#socket = io({ path, auth, autoConnect: !isAsked, ...patience });
    this.#socket.on("connect", () => {
      this.#socket.io.engine.once("upgrade", upgraded);
      connected();
    });
    this.#socket.on("disconnect", (reason) => {
      disconnected();
      if (reason === "io server disconnect") this.#socket.connect();
    });
    this.listen(handlers);
  }

  /** Listens to more events: `handlers` maps each to a function. */
  listen(handlers) {
    for (const [event, hear] of Object.entries(handlers)) this.#socket.on(event, (data) => hear(data ?? {}));
  }

  /** The name that the server and the other members know this page by. */
  get id() {
    return this.#socket.id ?? null;
  }

  get isOpen() {
    return this.#socket.connected;
  }

  /** Connects, and goes on trying. */
  open() {
    this.#socket.connect();
  }

  /** Ends the connection, and the attempts at one. */
  close() {
    this.#socket.disconnect();
  }

  /** Sends now or not at all: what waits for a connection is stale when it comes. */
  send(event, data) {
    if (!this.isOpen) return false;
    this.#socket.emit(event, data);
    return true;
  }

  /** Sends an event and gives its answer; null without a connection. */
  async ask(event, data) {
    if (!this.isOpen) return null;
    return this.#socket.timeout(ANSWER_WITHIN_MS).emitWithAck(event, data).catch(() => null);
  }

  /** Tries at once, without waiting for the next attempt that is due. */
  hurry() {
    if (this.#socket.active && !this.isOpen) this.#socket.disconnect().connect();
  }

  /** Gives up a transport that is open and says nothing; a new one follows. */
  renew() {
    this.#socket.io.engine?.close();
  }
}
