/**
 * What this page does with the playback and the queue of its room, as far as its rights go.
 *
 * Where the server has no queue of its own, the host's page keeps one, and sends it whenever it changes.
 */

import { refusal } from "../common/party/refusals.js";
import { say } from "../common/texts.js";
import { troubleLoading } from "./loading.js";
import { withAdded, withMoved, withoutIndex } from "./queue.js";
import { kindWithoutAudio, sourceOf, titleOf, trackFromAddress } from "./track.js";
import { tracksOfList } from "./track-list.js";
import { troubleText } from "./trouble.js";

/** Who moved on at the end of a track waits this long for the server before trying again. */
const MOVE_ON_AGAIN_MS = 5000;
/** A track that the host cannot load is passed over after this long. */
const PASS_OVER_AFTER_MS = 3000;
/** `repeat` goes round in this order. */
const REPEATS = ["off", "all", "one"];

export class Steering {
  #roomOf;
  #player;
  #connection;
  #status;
  #render;
  #movedOnAt = -Infinity;
  /** The address of a track that the host cannot load, and the timer that passes it over. */
  #hopeless = { source: null, timer: null };
  /** Tracks that were passed over since one was heard. */
  #nPassedOver = 0;

  /** `page` has `room()`, `player`, `connection`, `status` and `render()`. */
  constructor({ room, player, connection, status, render }) {
    this.#roomOf = room;
    this.#player = player;
    this.#connection = connection;
    this.#status = status;
    this.#render = render;
  }

  get #room() {
    return this.#roomOf();
  }

  // Playback

  playOrPause() {
    if (!this.#room?.playhead) return;
    const { duration, targetPosition, hasPlayedOut } = this.#player;
    if (this.#room.playhead.isPlaying && !hasPlayedOut) {
      this.#control("pause", { currentTime: targetPosition });
    } else {
      const isAtEnd = duration !== null && targetPosition >= duration - 0.05;
      this.#control("play", { currentTime: isAtEnd ? 0 : targetPosition });
    }
  }

  seek(position) {
    this.#control("seek", { currentTime: position });
  }

  next() {
    if (!this.#room?.may("choose")) return;
    if (this.#room.hasQueue) this.#connection.send("queue:next", {});
    else if (this.#room.queue.length > 0) this.playEntry(0);
  }

  previous() {
    if (this.#room?.hasQueue && this.#room.may("choose")) this.#connection.send("queue:previous", {});
  }

  toggleShuffle() {
    this.#setMode({ isShuffled: !this.#room.mode.isShuffled });
  }

  cycleRepeat() {
    const place = REPEATS.indexOf(this.#room.mode.repeat);
    this.#setMode({ repeat: REPEATS[(place + 1) % REPEATS.length] });
  }

  toggleByVotes() {
    this.#setMode({ byVotes: !this.#room.mode.byVotes });
  }

  /**
   * At the end of a track: the server finds what follows, whichever page tells it first; without a queue of its own, the
   * host's page does.
   */
  moveOn() {
    const room = this.#room;
    if (!room?.may("choose") || !this.#connection.isOpen) return;
    if (performance.now() - this.#movedOnAt < MOVE_ON_AGAIN_MS) return;
    this.#movedOnAt = performance.now();
    if (room.hasQueue) this.#connection.send("queue:next", { endedAt: this.#player.duration });
    else if (room.queue.length > 0) this.playEntry(0);
    else this.#control("pause", { currentTime: this.#player.duration });
  }

  /** The room is at another place: the next end of a track is a new one. */
  noteMove() {
    this.#movedOnAt = -Infinity;
  }

  /** A dead link must not stop the party: the host's page passes it over, and says so. */
  watchForHopeless() {
    if (this.#player.isSounding) this.#nPassedOver = 0;
    const room = this.#room;
    const isHopeless = room?.isHost && room.playhead?.isPlaying && this.#player.isHopeless;
    const source = isHopeless ? sourceOf(room.track) : null;
    if (source === this.#hopeless.source) return;
    clearTimeout(this.#hopeless.timer);
    this.#hopeless = { source, timer: source && setTimeout(() => this.#passOver(), PASS_OVER_AFTER_MS) };
  }

  // The queue

  /** Queues what was typed, suggests it, or plays it if nothing plays; resolves to a complaint or null. */
  async add(typed) {
    const track = trackFromAddress(typed);
    if (!track) return say("badAddress");
    const kind = kindWithoutAudio(track.url);
    if (kind && kind !== "list") return say(`${kind}Address`);
    this.#status.keep("checking");
    if (kind === "list") return this.#addList(track.url);
    const trouble = await troubleLoading(sourceOf(track));
    this.#status.clear();
    // What could not be tried once is not tried again by itself.
    if (trouble) return troubleText(trouble.kind === "network" ? { kind: "unusable" } : trouble);
    return this.addTrack(track);
  }

  /** The tracks of an M3U playlist, by one event: as many as may come at once are not too many. */
  async #addList(address) {
    const tracks = await tracksOfList(address);
    this.#status.clear();
    if (tracks.length === 0) return say("playlistAddress");
    if (tracks.length === 1) return this.add(tracks[0].url);
    const answer = await this.#connection.ask("queue:add", { tracks });
    const problem = refusal(answer);
    if (problem) return answer?.code === "too_many" ? say("queueFull") : problem;
    this.#status.tell("addedList", answer.count);
    return null;
  }

  /** The same with a track that is known to play. */
  async addTrack(track) {
    const room = this.#room;
    if (!room) return null;
    if (room.hasQueue) {
      const answer = await this.#connection.ask("queue:add", { track });
      const problem = refusal(answer);
      if (problem) return answer?.code === "too_many" ? say("queueFull") : problem;
      this.#status.tell(addedKey(answer), titleOf(track));
    } else if (room.isHost && this.#isIdle && room.queue.length === 0) {
      this.#playTrack(track);
    } else if (room.isHost) {
      this.#changeQueue(withAdded(room.queue, track));
      this.#status.tell("added", titleOf(track));
    }
    return null;
  }

  /** Plays the first of `tracks` and queues the others, on the host's page. */
  async replay([first, ...others]) {
    if (!first || !this.#room?.isHost) return;
    this.#playTrack(first);
    if (others.length > 0) await this.#connection.ask("queue:add", { tracks: others });
  }

  playEntry(index) {
    const entry = this.#room.queue[index];
    if (this.#isServers(entry)) {
      this.#connection.send("queue:play", { id: entry.entryId });
    } else {
      this.#playTrack(entry);
      this.#changeQueue(withoutIndex(this.#room.queue, index));
    }
  }

  move(from, to) {
    const { queue } = this.#room;
    const moved = withMoved(queue, from, to - from);
    if (this.#isServers(queue[from])) this.#order("queue:move", { id: queue[from].entryId, to }, moved);
    else this.#changeQueue(moved);
  }

  remove(index) {
    const { queue } = this.#room;
    const rest = withoutIndex(queue, index);
    if (this.#isServers(queue[index])) this.#order("queue:remove", { id: queue[index].entryId }, rest);
    else this.#changeQueue(rest);
  }

  /** Votes for an entry or a suggestion, or takes the vote back. */
  vote(id) {
    const { votes } = this.#room;
    const isUp = !votes.has(id);
    if (isUp) votes.add(id);
    else votes.delete(id);
    this.#connection.send("queue:vote", { id, isUp });
    this.#render();
  }

  approve(id) {
    this.#connection.send("queue:approve", { id });
  }

  reject(id) {
    this.#connection.send("queue:reject", { id });
  }

  get #hasNext() {
    return this.#room.queue.length > 0 || this.#room.mode?.repeat === "all";
  }

  /** Whether nothing plays, or what did is over. */
  get #isIdle() {
    const { duration, targetPosition } = this.#player;
    return !this.#room.track || (duration !== null && targetPosition >= duration);
  }

  #isServers(entry) {
    return this.#room.hasQueue && typeof entry?.entryId === "string";
  }

  #setMode(change) {
    this.#connection.send("queue:mode", { ...this.#room.mode, ...change });
  }

  #playTrack(track) {
    this.#control("track-change", { track });
    if (!this.#room.playhead?.isPlaying) this.#control("play", { currentTime: 0 });
  }

  #passOver() {
    const title = titleOf(this.#room.track) ?? say("untitled");
    const isGoingRound = this.#nPassedOver > this.#room.queue.length;
    this.#nPassedOver += 1;
    if (this.#hasNext && !isGoingRound) {
      // With a queue of the server's, all pages are told by it.
      if (this.#room.hasQueue) {
        this.#connection.send("queue:next", { isUnplayable: true });
      } else {
        this.#status.tell("passedOver", title);
        this.next();
      }
    } else {
      this.#status.complain("nothingElse", title);
      this.#control("pause", { currentTime: this.#player.targetPosition ?? 0 });
    }
  }

  #control(event, data) {
    if (this.#room?.may("control")) this.#connection.send(event, { roomId: this.#room.id, ...data });
  }

  #changeQueue(queue) {
    this.#room.expectQueue(queue);
    this.#control("playlist-update", { playlist: queue });
    this.#render();
  }

  /** Asks the server for a change that leads to `queue`, and shows that meanwhile. */
  async #order(event, data, queue) {
    const room = this.#room;
    room.expectQueue(queue);
    this.#render();
    const answer = await this.#connection.ask(event, data);
    const problem = refusal(answer);
    if (!problem) return;
    room.forgetExpected();
    this.#status.complain("told", problem);
    this.#render();
  }
}

/** What became of a track that was added: it waits for a yes, it is queued, or it plays at once. */
function addedKey({ isSuggested, id }) {
  if (isSuggested) return "suggested";
  return id === undefined ? "playsNow" : "added";
}
