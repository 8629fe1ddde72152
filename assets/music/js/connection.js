/** The socket to the server, kebab dialect: one name per event, nothing of what the events mean. */

import { io } from "../vendor/socket.io.esm.min.js";

import { base } from "../common/base.js";

/** Events that a page listens to; `play`, `pause` and their like come as `room-playhead` too. */
const HEARD = [
  "room-created",
  "room-joined",
  "room-left",
  "room-users",
  "room-members",
  "room-playhead",
  "room-playlist",
  "time_pong",
  "error",
];

export class Connection {
  #socket;

  /** `handlers` maps each heard event, and `connected`, `disconnected` and `upgraded`, to a function. */
  constructor(handlers) {
    const path = new URL("socket.io/", base).pathname;
    this.#socket = io({ path, reconnectionDelay: 500, reconnectionDelayMax: 4000, timeout: 15_000 });
    this.#socket.on("connect", () => {
      this.#socket.io.engine.once("upgrade", handlers.upgraded);
      handlers.connected();
    });
    this.#socket.on("disconnect", (reason) => {
      handlers.disconnected();
      if (reason === "io server disconnect") this.#socket.connect();
    });
    for (const event of HEARD) this.#socket.on(event, (data) => handlers[event](data ?? {}));
  }

  /** The name that the server and the other members know this page by. */
  get id() {
    return this.#socket.id ?? null;
  }

  get isOpen() {
    return this.#socket.connected;
  }

  /** Sends now or not at all: what waits for a connection is stale when it comes. */
  send(event, data) {
    if (!this.isOpen) return false;
    this.#socket.emit(event, data);
    return true;
  }

  /** Tries at once, without waiting for the next attempt that is due. */
  hurry() {
    if (!this.isOpen) this.#socket.disconnect().connect();
  }

  /** Gives up a transport that is open and says nothing; a new one follows. */
  renew() {
    this.#socket.io.engine?.close();
  }
}
