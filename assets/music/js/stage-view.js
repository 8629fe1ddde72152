/** What is playing, where it is, and the controls. */

import { readable } from "../common/durations.js";
import { byId, iconAddress, setText } from "../common/elements.js";
import { ownFileId, withTicket } from "../common/media.js";
import { recall, remember } from "../common/memory.js";
import { SeekBar } from "../common/party/seek-bar.js";
import { SyncView } from "../common/party/sync-view.js";
import { say } from "../common/texts.js";
import { drawArtwork } from "./artwork.js";
import { bylineOf, sourceOf, titleOf } from "./track.js";
import { troubleText } from "./trouble.js";

const IN_SYNC_SECONDS = 0.03;

export class StageView {
  #stage = byId("stage");
  #artwork = byId("artwork");
  #cover = byId("cover");
  #state = byId("playing-state");
  #title = byId("track-title");
  #byline = byId("track-byline");
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
  #seekBar;
  #sync = new SyncView();

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

    this.#seekBar = new SeekBar(actions.seek);

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
    this.#seekBar.isEnabled = canControl && player.duration !== null;
    setText(this.#explanation, explanationOf(room, isOpen));

    this.#tapBox.hidden = !player.isBlocked;
    this.#renderTrouble(track, player.trouble);
  }

  /** Shows what changes all the time: position, sync, clock. */
  renderTime({ room, player, clock, isOpen }) {
    const duration = player.duration;
    this.#seekBar.render(player.targetPosition ?? 0, duration, player.isLive);
    setText(this.#duration, duration === null ? (player.isLive ? say("live") : "–:––") : readable(duration));
    this.#sync.render(syncStateOf(room, player, clock, isOpen), player.errorSeconds, clock, clock.isSet);
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
    this.#seekBar.noteMove();
  }

  #renderTrouble(track, trouble) {
    const isForeign = track !== null && sourceOf(track) === null;
    this.#trouble.hidden = !isForeign && trouble === null;
    this.#reload.hidden = isForeign;
    setText(this.#troubleText, isForeign ? say("foreignTrack") : trouble ? troubleText(trouble) : "");
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
