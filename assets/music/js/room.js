/** What the page knows of the room that it is in: everything as the server last told it. No I/O. */

import { readPlayhead } from "../common/playhead.js";

/** A change of the queue that the server has not confirmed by then is forgotten (milliseconds). */
const PATIENCE_MS = 4000;

export class Room {
  #awaited = null;
  #party;

  /** `party` is what the page knows of itself in a room with roles. */
  constructor(id, party) {
    this.#party = party;
    this.id = id;
    this.you = null;
    this.hostId = null;
    this.members = [];
    this.nMembers = 0;
    this.playhead = null;
    this.playlist = [];
    this.suggestions = [];
    /** How the queue goes on, `{repeat, isShuffled, byVotes}`; null where the server has no queue of its own. */
    this.mode = null;
    /** The ids of the entries and suggestions that this page has voted for. */
    this.votes = new Set();
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

  /** Whether the queue is the server's, and members suggest and vote. */
  get hasQueue() {
    return this.mode !== null;
  }

  /** What this page is in the room, `{role, rights, …}`; null where the server knows no roles. */
  get standing() {
    return this.#party.you;
  }

  /** What opens the server's own files, or null. */
  get ticket() {
    return this.standing?.ticket ?? null;
  }

  /** Whether this page may do what takes `right`. Where there are no roles, the host may all, the others may talk. */
  may(right) {
    if (this.standing) return this.#party.may(right);
    return this.isHost || (right === "chat" && this.hasQueue);
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

  takeMode({ repeat, isShuffled, byVotes }) {
    this.mode = {
      repeat: ["one", "all"].includes(repeat) ? repeat : "off",
      isShuffled: isShuffled === true,
      byVotes: byVotes === true,
    };
  }

  takeSuggestions({ suggestions }) {
    const isSuggestion = (each) => typeof each?.id === "string" && each.track && typeof each.track === "object";
    this.suggestions = Array.isArray(suggestions) ? suggestions.filter(isSuggestion) : [];
  }

  /** Shows `queue` until the server confirms it. */
  expectQueue(queue) {
    this.#awaited = { queue, until: performance.now() + PATIENCE_MS };
  }

  /** Shows the queue as the server has it. */
  forgetExpected() {
    this.#awaited = null;
  }

  #forgetStaleQueue() {
    if (performance.now() > this.#awaited?.until) this.#awaited = null;
  }
}
