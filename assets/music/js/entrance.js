/**
 * Getting into a room, and back into it after a reload or a lost connection. Speaks through `send`, no I/O of its own.
 *
 * A room lives on the server only as long as somebody is in it. A host who comes back therefore creates the room again
 * and joins when it turns out to have lived on; a member who comes back waits a moment for the host to be faster.
 */

import { freshRoomCode, inCapitals } from "../common/identifiers.js";

const WAIT_FOR_HOST_MS = 1200;
const WAITS_FOR_HOST = 8;

export class Entrance {
  #send;
  #listener;
  #attempt = null;
  #waiting = null;

  /** `listener` has `entered(roomId, secrets)`, `refused(code, roomId, secrets)` and `waitingForHost()`. */
  constructor(send, listener) {
    this.#send = send;
    this.#listener = listener;
  }

  get isBusy() {
    return this.#attempt !== null;
  }

  /** The room that is being entered, or null. */
  get roomId() {
    return this.#attempt?.roomId ?? null;
  }

  /** Opens a new room that starts with `track`; `secrets` may have `{isPublic, password}`. */
  create(track, secrets = {}) {
    const opening = { track, position: () => 0, isPlaying: true, queue: [] };
    this.#begin({ how: "create", roomId: freshRoomCode(), opening, secrets, isReturn: false });
  }

  /** Joins the room that somebody typed or followed a link to; `secrets` may have `{password, invitation}`. */
  join(roomId, secrets = {}) {
    this.#begin({ how: "join", roomId, opening: null, secrets, isReturn: false });
  }

  /** Goes back to `roomId`; `opening` is what a host opens it with if it is gone, null for a member. */
  comeBack(roomId, opening, secrets = {}) {
    const how = opening ? "create" : "join";
    this.#begin({ how, roomId, opening, secrets, isReturn: true, waitsLeft: WAITS_FOR_HOST });
  }

  /** Starts the unfinished attempt over on a new connection; false if there is none. */
  resume() {
    if (!this.#attempt) return false;
    this.#begin(this.#attempt);
    return true;
  }

  abandon() {
    clearTimeout(this.#waiting);
    this.#attempt = null;
  }

  handleCreated({ roomId, userCount }) {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.abandon();
    this.#listener.entered(String(roomId ?? attempt.roomId), attempt.secrets);
    const isNew = !(userCount > 1);
    if (attempt.isReturn && isNew) this.#furnish(attempt);
  }

  handleJoined({ roomId }) {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.abandon();
    this.#listener.entered(String(roomId ?? attempt.roomId), attempt.secrets);
  }

  handleError(code) {
    const attempt = this.#attempt;
    if (!attempt) return;
    if (code === "room_exists" && attempt.how === "create") this.#begin(this.#secondChoice(attempt));
    else if (code === "room_not_found" && attempt.how === "join") this.#handleMissing(attempt);
    else this.#refuse(code);
  }

  #begin(attempt) {
    clearTimeout(this.#waiting);
    this.#attempt = attempt;
    const { how, roomId, opening, secrets } = attempt;
    const { isPublic, password, invitation } = secrets;
    if (how === "create") {
      const { track } = opening;
      this.#send("create-room", { roomId, track, currentTime: opening.position(), isPublic, password });
    } else {
      this.#send("join-room", { roomId, password, invitation });
    }
  }

  #secondChoice(attempt) {
    return attempt.isReturn ? { ...attempt, how: "join" } : { ...attempt, roomId: freshRoomCode() };
  }

  #handleMissing(attempt) {
    const capitals = inCapitals(attempt.roomId);
    if (!attempt.isReturn && capitals) {
      this.#begin({ ...attempt, roomId: capitals });
    } else if (attempt.isReturn && attempt.waitsLeft > 0) {
      this.#listener.waitingForHost();
      const next = { ...attempt, how: attempt.opening ? "create" : "join", waitsLeft: attempt.waitsLeft - 1 };
      this.#waiting = setTimeout(() => this.#begin(next), WAIT_FOR_HOST_MS);
    } else {
      this.#refuse("room_not_found");
    }
  }

  #refuse(code) {
    const { roomId, secrets } = this.#attempt;
    this.abandon();
    this.#listener.refused(code, roomId, secrets);
  }

  /** A new room plays and has no queue: brings back what the old one had beyond that. */
  #furnish({ roomId, opening }) {
    if (!opening.isPlaying) this.#send("pause", { roomId, currentTime: opening.position() });
    if (opening.queue.length > 0) this.#send("playlist-update", { roomId, playlist: opening.queue });
  }
}
