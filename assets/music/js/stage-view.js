/** What is playing, where it is, and the controls. */

import { readable } from "../common/durations.js";
import { byId, iconAddress, setText } from "../common/elements.js";
import { ownFileId, withTicket } from "../common/media.js";
import { recall, remember } from "../common/memory.js";
import { say } from "../common/texts.js";
import { drawArtwork } from "./artwork.js";
import { bylineOf, sourceOf, titleOf } from "./track.js";
import { troubleText } from "./trouble.js";

const ARROW_STEP = 5;
/** How long the seek bar waits (milliseconds) for the room to follow before it shows the room again. */
const SEEK_PATIENCE_MS = 1500;
const IN_SYNC_SECONDS = 0.03;

export class StageView {
  #stage = byId("stage");
  #artwork = byId("artwork");
  #cover = byId("cover");
  #state = byId("playing-state");
  #title = byId("track-title");
  #byline = byId("track-byline");
  #seek = byId("seek");
  #position = byId("position");
  #duration = byId("duration");
  #play = byId("play");
  #playIcon = byId("play-icon");
  #next = byId("next");
  #previous = byId("previous");
  #shuffle = byId("shuffle");
  #repeat = byId("repeat");
  #repeatIcon = byId("repeat-icon");
  #volume = byId("volume");
  #tap = byId("tap-to-listen");
  #tapBox = byId("tap-box");
  #trouble = byId("trouble");
  #troubleText = byId("trouble-text");
  #reload = byId("reload");
  #explanation = byId("controls-explanation");
  #sync = byId("sync");
  #syncText = byId("sync-text");
  #offset = byId("offset");
  #isDragging = false;
  #sought = null;

  /**
   * `actions` has `playOrPause()`, `seek(seconds)`, `next()`, `previous()`, `toggleShuffle()`, `cycleRepeat()`, `listen()`,
   * `reload()` and `setVolume(fraction)`.
   */
  constructor(actions) {
    this.#play.addEventListener("click", actions.playOrPause);
    this.#next.addEventListener("click", actions.next);
    this.#previous.addEventListener("click", actions.previous);
    this.#shuffle.addEventListener("click", actions.toggleShuffle);
    this.#repeat.addEventListener("click", actions.cycleRepeat);
    this.#cover.addEventListener("error", () => (this.#cover.hidden = true));
    this.#cover.addEventListener("load", () => (this.#cover.hidden = false));
    this.#tap.addEventListener("click", actions.listen);
    this.#reload.addEventListener("click", actions.reload);

    this.#seek.addEventListener("input", () => {
      this.#isDragging = true;
      this.#showPosition(Number(this.#seek.value), Number(this.#seek.max));
    });
    this.#seek.addEventListener("change", () => this.#commitSeek(actions));
    this.#seek.addEventListener("blur", () => (this.#isDragging = false));
    this.#seek.addEventListener("keydown", (event) => this.#stepSeek(event, actions));

    this.#volume.value = String(Math.round((recall("volume") ?? 1) * 100));
    const setVolume = () => {
      const volume = Number(this.#volume.value) / 100;
      this.#volume.style.setProperty("--fill", `${this.#volume.value}%`);
      remember("volume", volume);
      actions.setVolume(volume);
    };
    this.#volume.addEventListener("input", setVolume);
    setVolume();
  }

  /** Shows what changes with events: the track, the controls, troubles. */
  render({ room, player, isOpen }) {
    const { track } = room;
    const title = track ? (titleOf(track) ?? say("untitled")) : say("nothingPlaying");
    const isPlaying = room.playhead?.isPlaying ?? false;
    const canControl = room.may("control") && isOpen;

    setText(this.#title, title);
    setText(this.#byline, track ? (bylineOf(track) ?? "") : say(room.isHost ? "nothingYetHost" : "nothingYetMember"));
    setText(this.#state, stateOf(room, player));
    drawArtwork(this.#artwork, track ? title : "roomhub");
    this.#showCover(track, room.ticket);
    this.#stage.classList.toggle("is-sounding", player.isSounding);

    this.#play.disabled = !canControl || !track;
    this.#play.setAttribute("aria-label", say(isPlaying && !player.hasPlayedOut ? "pause" : "play"));
    this.#playIcon.setAttribute("href", iconAddress(isPlaying && !player.hasPlayedOut ? "pause" : "play"));
    this.#renderOrder(room, isOpen);
    this.#seek.disabled = !canControl || player.duration === null;
    setText(this.#explanation, explanationOf(room, isOpen));

    this.#tapBox.hidden = !player.isBlocked;
    this.#renderTrouble(track, player.trouble);
  }

  /** Shows what changes all the time: position, sync, clock. */
  renderTime({ room, player, clock, isOpen }) {
    const duration = player.duration;
    if (this.#sought !== null && performance.now() > this.#sought.until) this.#sought = null;
    if (!this.#isDragging) {
      this.#seek.max = String(duration ?? 0);
      const position = this.#sought?.position ?? player.targetPosition ?? 0;
      if (duration !== null) this.#seek.value = String(position);
      this.#showPosition(position, duration, player.isLive);
    }
    setText(this.#duration, duration === null ? (player.isLive ? say("live") : "–:––") : readable(duration));
    this.#renderSync(syncStateOf(room, player, clock, isOpen), player.errorSeconds);
    setText(this.#offset, clock.isSet ? say("offset", signed(clock.offsetMs), Math.round(clock.roundTripMs)) : "");
  }

  #renderOrder(room, isOpen) {
    const canChoose = room.may("choose") && isOpen;
    const { mode } = room;
    const hasOrder = mode !== null && room.may("choose");
    this.#next.hidden = room.standing !== null && !room.may("choose");
    this.#next.disabled = !canChoose || (room.queue.length === 0 && mode?.repeat !== "all");
    for (const each of [this.#previous, this.#shuffle, this.#repeat]) {
      each.hidden = !hasOrder;
      each.disabled = !isOpen;
    }
    if (!hasOrder) return;
    this.#shuffle.setAttribute("aria-pressed", String(mode.isShuffled));
    this.#repeat.classList.toggle("is-on", mode.repeat !== "off");
    this.#repeat.setAttribute("aria-label", say(`repeat_${mode.repeat}`));
    this.#repeat.title = say(`repeat_${mode.repeat}`);
    this.#repeatIcon.setAttribute("href", iconAddress(mode.repeat === "one" ? "repeat-one" : "repeat"));
  }

  /** The cover of one of the server's own tracks lies over the drawn one, once it is there. */
  #showCover(track, ticket) {
    const id = track?.hasCover === true ? ownFileId(track.url) : null;
    const wanted = id !== null && ticket !== null ? id : "";
    if (this.#cover.dataset.of === wanted) return;
    this.#cover.dataset.of = wanted;
    this.#cover.hidden = true;
    if (wanted) this.#cover.src = withTicket(`media/poster/${id}`, ticket);
    else this.#cover.removeAttribute("src");
  }

  /** The room moved: the seek bar shows it again. */
  noteMove() {
    this.#sought = null;
  }

  #renderTrouble(track, trouble) {
    const isForeign = track !== null && sourceOf(track) === null;
    this.#trouble.hidden = !isForeign && trouble === null;
    this.#reload.hidden = isForeign;
    setText(this.#troubleText, isForeign ? say("foreignTrack") : trouble ? troubleText(trouble) : "");
  }

  #renderSync(state, errorSeconds) {
    this.#sync.dataset.state = state;
    const error = errorSeconds === null ? "" : ` · ${say("error", signed(errorSeconds * 1000))}`;
    const isMeasured = state === "inSync" || state === "catchingUp";
    setText(this.#syncText, state === "none" ? "" : say(state) + (isMeasured ? error : ""));
  }

  #showPosition(position, duration, isLive = false) {
    setText(this.#position, duration === null && isLive ? "" : readable(position));
    const fill = duration ? (100 * position) / duration : 0;
    this.#seek.style.setProperty("--fill", `${Math.min(100, fill).toFixed(2)}%`);
    const spoken = duration ? say("positionOf", readable(position), readable(duration)) : readable(position);
    if (this.#seek.getAttribute("aria-valuetext") !== spoken) this.#seek.setAttribute("aria-valuetext", spoken);
  }

  #commitSeek(actions) {
    this.#isDragging = false;
    const position = Number(this.#seek.value);
    this.#sought = { position, until: performance.now() + SEEK_PATIENCE_MS };
    actions.seek(position);
  }

  #stepSeek(event, actions) {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!direction || this.#seek.disabled) return;
    event.preventDefault();
    this.#seek.value = String(Number(this.#seek.value) + direction * ARROW_STEP);
    this.#commitSeek(actions);
  }
}

function stateOf(room, player) {
  if (!room.track) return "";
  if (player.hasPlayedOut || isAtEnd(room, player)) return say("ended");
  return say(room.playhead.isPlaying ? "nowPlaying" : "paused");
}

function isAtEnd(room, player) {
  return player.duration !== null && !room.playhead.isPlaying && player.targetPosition >= player.duration;
}

function explanationOf(room, isOpen) {
  if (!isOpen) return say("reconnectingControls");
  if (room.isHost) return say("hostControls");
  return say(room.may("control") ? "sharedControls" : "memberControls", room.hostName ?? say("guest"));
}

function syncStateOf(room, player, clock, isOpen) {
  if (!isOpen) return "connectionLost";
  if (!clock.isSet) return "measuring";
  if (!room.playhead?.isPlaying || !sourceOf(room.track) || player.trouble || player.hasPlayedOut) return "none";
  if (player.isBlocked) return "silent";
  if (player.isWaiting) return "buffering";
  if (player.isLive) return "none";
  const isClose = player.errorSeconds !== null && Math.abs(player.errorSeconds) <= IN_SYNC_SECONDS;
  return isClose ? "inSync" : "catchingUp";
}

/** A whole number with a proper sign: +12, −3, 0. */
function signed(number) {
  const whole = Math.round(number);
  if (whole === 0) return "0";
  return whole > 0 ? `+${whole}` : `−${-whole}`;
}
