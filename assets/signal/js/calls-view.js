/** All calls of this page, by user, and the own camera that they share. */

import { byId } from "../common/elements.js";
import { CallCard } from "./call-card.js";
import { Call } from "./call.js";

export class CallsView {
  #signalling;
  #log;
  #cards = new Map();
  #ownVideo = byId("own-video");
  #ownStream = null;

  /** What the server says calls may go over. */
  iceServers = [];

  constructor(signalling, log) {
    this.#signalling = signalling;
    this.#log = log;
  }

  /** The call with `user`; a new one if there is none. */
  with(user) {
    const existing = this.#cards.get(user);
    if (existing) return existing.call;
    const own = this.#signalling.seat.userId;
    const call = new Call(own, user, this.iceServers, (message) => this.#signalling.send(message));
    const card = new CallCard(call, this.#log, () => this.hangUp(user));
    this.#cards.set(user, card);
    byId("peers").append(card.element);
    this.render();
    return call;
  }

  /** Takes what the other side of a call has sent. */
  hear(message) {
    const { type, from } = message;
    const failed = (problem) => this.#log.add("failed", { type, problem: String(problem) });
    this.with(from).hear(message).catch(failed);
  }

  async showCamera(user) {
    try {
      this.#ownStream ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    } catch (problem) {
      this.#log.add("failed", { type: "camera", problem: String(problem) });
      return;
    }
    this.#ownVideo.srcObject = this.#ownStream;
    this.#ownVideo.hidden = false;
    this.with(user).addStream(this.#ownStream);
  }

  hangUp(user) {
    this.#cards.get(user)?.close();
    this.#cards.delete(user);
    this.render();
  }

  hangUpAll() {
    for (const user of [...this.#cards.keys()]) this.hangUp(user);
  }

  render() {
    byId("no-calls").hidden = this.#cards.size > 0;
    for (const card of this.#cards.values()) card.render();
  }
}
