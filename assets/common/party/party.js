/**
 * What a page knows of the company that it is in: itself, its room, members, votes, who is waited for. All as the
 * server last told it; no I/O and no clock.
 *
 * `handlers` are given to the connection. Events: `change` (anything that shows), `enter` (a room, or the same one on
 * a new connection), and, with what came as `detail`, `chat`, `reaction`, `typing`, `vote`, `kicked` and `notice`.
 */

/** All rights, in the order in which they are shown. */
export const RIGHTS = ["control", "choose", "queue", "chat", "voice", "share", "invite", "kick"];
/** The roles that a table of rights has rows for; the owner may do everything. */
export const ROLES = ["cohost", "member", "guest"];
export const PRESETS = ["open", "controlled", "lecture"];

export class Party extends EventTarget {
  /** `{id, role, rights, isMuted, ticket}`; null until the server has taken this for a page in a room. */
  you = null;
  /** As `party:room` has it. */
  room = null;
  /** The first hundred, as `party:members` has them. */
  members = [];
  nMembers = 0;
  /** The vote that is open, or null. */
  vote = null;
  /** Whom the room waits for: `{for: [{id, name}], until}`, or null. */
  waiting = null;
  /** The ready check that is open: `{by}`, or null. */
  readyCheck = null;
  #entered = null;

  handlers = {
    "party:you": (event) => this.#takeYou(event),
    "party:room": (event) => this.#takeRoom(event),
    "party:members": (event) => this.#takeMembers(event),
    "party:vote": (event) => this.#takeVote(event),
    "party:waiting": (event) => this.#takeWaiting(event),
    "party:ready-check": (event) => this.#takeReadyCheck(event),
    "party:reaction": (event) => this.#tell("reaction", event),
    "party:typing": (event) => this.#tell("typing", event),
    "party:notice": (event) => this.#tell("notice", event),
    "party:kicked": (event) => this.#takeKicked(event),
    "party:chat": (event) => this.#tell("chat", event),
    "chat:message": (event) => this.#tell("chat", event),
  };

  get isOwner() {
    return this.you?.role === "owner";
  }

  /** Whether this page may do what the right `name` allows. */
  may(name) {
    return this.isOwner || (this.you?.rights.includes(name) ?? false);
  }

  /** What hinders this page from talking: `muted`, `forbidden`, or null. */
  get silencedBy() {
    if (this.you?.isMuted) return "muted";
    return this.may("chat") ? null : "forbidden";
  }

  member(id) {
    return this.members.find((member) => member.id === id) ?? null;
  }

  /** Whether `member` may do what the right `name` allows. */
  mayMember(member, name) {
    return member.role === "owner" || (this.room?.rights[member.role] ?? []).includes(name);
  }

  /** Whether this page may mute or kick `member`. */
  mayRule(member) {
    if (member.id === this.you?.id || member.role === "owner") return false;
    return this.isOwner || (this.may("kick") && !this.mayMember(member, "kick"));
  }

  /** Forgets all: the page has left the room. */
  leave() {
    this.you = this.room = this.vote = this.waiting = this.readyCheck = this.#entered = null;
    this.members = [];
    this.nMembers = 0;
    this.#tell("change");
  }

  #takeYou(event) {
    if (typeof event.id !== "string") return;
    this.you = { ...event, rights: Array.isArray(event.rights) ? event.rights : [] };
    this.#enter();
    this.#tell("change");
  }

  #takeRoom(event) {
    this.room = { ...event, rights: event.rights ?? {} };
    this.#enter();
    this.#tell("change");
  }

  #enter() {
    const place = this.you && this.room && `${this.room.roomId}\n${this.you.id}`;
    if (!place || place === this.#entered) return;
    this.#entered = place;
    this.#tell("enter");
  }

  #takeMembers(event) {
    this.members = Array.isArray(event.members) ? event.members : [];
    this.nMembers = Number.isInteger(event.count) ? event.count : this.members.length;
    this.#tell("change");
  }

  #takeVote(event) {
    this.vote = event.isOpen ? event : null;
    this.#tell("vote", event);
    this.#tell("change");
  }

  #takeWaiting(event) {
    this.waiting = event.for?.length > 0 ? event : null;
    this.#tell("change");
  }

  #takeReadyCheck(event) {
    this.readyCheck = event.isOpen ? event : null;
    this.#tell("change");
  }

  #takeKicked(event) {
    this.leave();
    this.#tell("kicked", event);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
