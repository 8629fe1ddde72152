/** What the page knows of the room that it is in: everything as the server last told it. No I/O. */

import { readPlayhead } from "../common/playhead.js";

/** A change of the queue that the server has not confirmed by then is forgotten (milliseconds). */
const PATIENCE_MS = 4000;

export class Room {
  #awaited = null;

  constructor(id) {
    this.id = id;
    this.you = null;
    this.hostId = null;
    this.members = [];
    this.nMembers = 0;
    this.playhead = null;
    this.playlist = [];
  }

  get isHost() {
    return this.you !== null && this.you === this.hostId;
  }

  get hostName() {
    return this.members.find((member) => member.id === this.hostId)?.name ?? null;
  }

  get track() {
    return this.playhead?.track ?? null;
  }

  get queue() {
    return this.#awaited?.queue ?? this.playlist;
  }

  /** `you` is the name that the server knows this page by. */
  takeMembers(event, you) {
    this.you = you;
    this.hostId = event.hostId ?? null;
    this.members = Array.isArray(event.members) ? event.members : [];
    this.nMembers = Number.isInteger(event.count) ? event.count : this.members.length;
  }

  /** Members behind the first hundred show in the count alone. */
  takeCount(event) {
    if (Number.isInteger(event.count)) this.nMembers = event.count;
  }

  takePlayhead(event) {
    this.playhead = readPlayhead(event);
    this.#forgetStaleQueue();
  }

  takePlaylist(event) {
    const playlist = Array.isArray(event.playlist) ? event.playlist : [];
    this.playlist = playlist.filter((track) => track && typeof track === "object");
    if (JSON.stringify(this.playlist) === JSON.stringify(this.#awaited?.queue)) this.#awaited = null;
    this.#forgetStaleQueue();
  }

  /** Shows `queue` until the server confirms it. */
  expectQueue(queue) {
    this.#awaited = { queue, until: performance.now() + PATIENCE_MS };
  }

  #forgetStaleQueue() {
    if (performance.now() > this.#awaited?.until) this.#awaited = null;
  }
}
