/** What this page asks the room to do with the film; the server lets who may. */

import { kindOfPlaylist } from "../common/hls.js";
import { refusal } from "../common/party/refusals.js";
import { troubleWith } from "../common/player.js";
import { say } from "../common/texts.js";
import { channelAt, filmAt, filmFromLibrary, filmFromOwnCopy, isHls, isPage, titleFrom, titleOf, titleOfFile, webAddress } from "./film.js";
import { fingerprint } from "./own-copy.js";
import { troubleText } from "./trouble.js";

export class Steering {
  #connection;
  #player;
  #playhead;
  #ownCopy;
  #status;

  /** `playhead()` is where the room is, or null. */
  constructor({ connection, player, playhead, ownCopy, status }) {
    this.#connection = connection;
    this.#player = player;
    this.#playhead = playhead;
    this.#ownCopy = ownCopy;
    this.#status = status;
  }

  playOrPause() {
    const playhead = this.#playhead();
    if (playhead?.track?.type !== "play") return;
    if (playhead.isPlaying && !this.#player.hasPlayedOut) this.#connection.send("play:pause");
    else this.start();
  }

  /** Plays on, or from the beginning at the end. */
  start() {
    const { duration, targetPosition } = this.#player;
    if (duration !== null && targetPosition >= duration - 0.1) this.seek(0);
    this.#connection.send("play:play");
  }

  pause() {
    this.#connection.send("play:pause");
  }

  seek(position) {
    this.#connection.send("play:seek", position);
  }

  step(seconds) {
    const { duration, targetPosition } = this.#player;
    if (targetPosition === null || duration === null) return;
    this.seek(Math.min(duration, Math.max(0, targetPosition + seconds)));
  }

  setSpeed(speed) {
    return this.#ask("party:speed", { speed });
  }

  askReady() {
    return this.#ask("party:ready-check", {});
  }

  sayReady(isReady) {
    return this.#ask("party:ready", { isReady });
  }

  putItem(item) {
    this.put(filmFromLibrary(item));
  }

  /** Puts on what was typed; resolves to a complaint or null. */
  async putLink(typed) {
    const url = webAddress(typed);
    if (!url) return say("badAddress");
    if (isPage(url)) return say("pageAddress");
    if (location.protocol === "https:" && url.protocol === "http:") return say("troubleInsecure");
    this.#status.keep("checking");
    const state = isHls(url.href) ? await stateOfPlaylist(url) : await stateOfFile(url);
    this.#status.clear();
    if (typeof state === "string") return state;
    this.put(state);
    return null;
  }

  /** Puts on a film of which each member has a copy, as the chooser has. */
  async putCopy(file) {
    this.#status.keep("readingCopy");
    const copy = await fingerprint(file);
    const state = filmFromOwnCopy(titleOfFile(file.name), copy);
    this.#ownCopy.takeKnown(file, state.videoId);
    this.#status.clear();
    this.put(state);
  }

  /** Puts a state on the screen. */
  put(state) {
    if (!this.#connection.send(state.type === "live" ? "live:change" : "play:change", state)) return;
    this.#status.tell("isOn", titleOf(state) ?? say("untitled"));
  }

  async #ask(event, data) {
    const problem = refusal(await this.#connection.ask(event, data));
    if (problem) this.#status.complain("told", problem);
  }
}

async function stateOfPlaylist(url) {
  const kind = await kindOfPlaylist(url.href);
  if (kind === null) return say("playlistAway");
  return kind === "live" ? channelAt(url.href, titleFrom(url)) : filmAt(url.href, titleFrom(url));
}

async function stateOfFile(url) {
  const trouble = await troubleWith(url.href, "video");
  // What could not be tried once is not tried again by itself.
  if (trouble) return troubleText(trouble.kind === "network" ? { kind: "unusable" } : trouble);
  return filmAt(url.href, titleFrom(url));
}
