/** The controls under the picture, and what is said of what plays: position, sync, who is waited for. */

import { readable } from "../common/durations.js";
import { byId, element, iconAddress, setText } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { SeekBar } from "../common/party/seek-bar.js";
import { SyncView } from "../common/party/sync-view.js";
import { languageTag, say } from "../common/texts.js";
import { titleOf } from "./film.js";

export const STEP_SECONDS = 10;
const VOLUME_STEP = 5;
const IN_SYNC_SECONDS = 0.04;
const SPEEDS = [0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2];

export class StageView {
  #state = byId("playing-state");
  #title = byId("film-title");
  #duration = byId("duration");
  #play = byId("play");
  #playIcon = byId("play-icon");
  #back = byId("back");
  #forward = byId("forward");
  #speed = byId("speed");
  #volume = byId("volume");
  #mute = byId("mute");
  #muteIcon = byId("mute-icon");
  #explanation = byId("controls-explanation");
  #waiting = byId("waiting");
  #seekBar;
  #sync = new SyncView();
  #setVolume;
  #isMuted = false;
  #speedsShown = null;

  /** `actions` has `playOrPause()`, `seek(seconds)`, `step(seconds)`, `setSpeed(speed)` and `setVolume(fraction)`. */
  constructor(actions) {
    this.#setVolume = actions.setVolume;
    this.#play.addEventListener("click", actions.playOrPause);
    this.#back.addEventListener("click", () => actions.step(-STEP_SECONDS));
    this.#forward.addEventListener("click", () => actions.step(STEP_SECONDS));
    this.#speed.addEventListener("change", () => actions.setSpeed(Number(this.#speed.value)));
    this.#seekBar = new SeekBar(actions.seek);
    this.#volume.value = String(Math.round((recall("volume") ?? 1) * 100));
    this.#volume.addEventListener("input", () => {
      this.#isMuted = false;
      this.#takeVolume();
    });
    this.#mute.addEventListener("click", () => this.toggleMute());
    this.#takeVolume();
  }

  toggleMute() {
    this.#isMuted = !this.#isMuted;
    this.#takeVolume();
  }

  /** One step louder, or softer. */
  turn(direction) {
    this.#isMuted = false;
    this.#volume.value = String(Number(this.#volume.value) + direction * VOLUME_STEP);
    this.#takeVolume();
  }

  /** Shows what changes with events: the film, the controls, who is waited for. */
  render({ party, film, playhead, player, isOpen }) {
    const isFilm = film?.type === "play";
    const canControl = party.may("control") && isOpen && isFilm;
    const isPlaying = (playhead?.isPlaying ?? false) && !player.hasPlayedOut;
    setText(this.#title, film ? (titleOf(film) ?? say("untitled")) : say("nothingOn"));
    setText(this.#state, stateOf(film, playhead, player));
    this.#play.disabled = !canControl;
    this.#play.setAttribute("aria-label", say(isPlaying ? "pause" : "play"));
    this.#playIcon.setAttribute("href", iconAddress(isPlaying ? "pause" : "play"));
    for (const each of [this.#back, this.#forward]) each.disabled = !canControl;
    this.#seekBar.isEnabled = canControl && player.duration !== null;
    this.#renderSpeed(playhead?.speed ?? 1, canControl);
    this.#renderVolume();
    setText(this.#explanation, explanationOf(party, isOpen));
  }

  /** Shows what changes all the time: position, sync, clock. */
  renderTime({ party, film, playhead, player, clock, isOpen }) {
    const { duration } = player;
    this.#seekBar.render(film?.type === "live" ? 0 : (player.targetPosition ?? 0), duration);
    setText(this.#duration, duration === null ? (film?.type === "live" ? say("live") : "") : readable(duration));
    const state = syncStateOf({ film, playhead, player, clock, isOpen });
    this.#sync.render(state, player.errorSeconds, clock, clock.isSet && Boolean(film));
    this.#renderWaiting(party, clock);
  }

  /** The room moved: the seek bar shows it again. */
  noteMove() {
    this.#seekBar.noteMove();
  }

  #renderWaiting({ waiting, you }, clock) {
    this.#waiting.hidden = waiting === null;
    if (waiting === null) return;
    const names = waiting.for.map(({ id, name }) => (id === you?.id ? say("you") : name || say("someone")));
    const seconds = Math.max(0, Math.ceil((waiting.until - clock.serverNow) / 1000));
    setText(this.#waiting, say("waitingFor", names, Number.isFinite(seconds) ? seconds : null));
  }

  #renderSpeed(speed, canControl) {
    this.#speed.disabled = !canControl;
    const appearance = JSON.stringify([speed, languageTag()]);
    if (appearance === this.#speedsShown) return;
    this.#speedsShown = appearance;
    const speeds = [...new Set([...SPEEDS, speed])].sort((a, b) => a - b);
    const text = (each) => `${each.toLocaleString(languageTag())}×`;
    this.#speed.replaceChildren(
      ...speeds.map((each) => element("option", { value: each, selected: each === speed }, text(each))),
    );
  }

  #takeVolume() {
    const volume = this.#isMuted ? 0 : Number(this.#volume.value) / 100;
    this.#volume.style.setProperty("--fill", `${volume * 100}%`);
    if (!this.#isMuted) remember("volume", volume);
    this.#setVolume(volume);
    this.#renderVolume();
  }

  #renderVolume() {
    const isSilent = this.#isMuted || this.#volume.value === "0";
    this.#mute.setAttribute("aria-label", say(isSilent ? "unmuteSound" : "muteSound"));
    this.#muteIcon.setAttribute("href", iconAddress(isSilent ? "volume-off" : "volume"));
  }
}

function stateOf(film, playhead, player) {
  if (!film) return "";
  if (film.type === "live") return say("live");
  if (player.hasPlayedOut) return say("ended");
  return say(playhead.isPlaying ? "nowPlaying" : "paused");
}

function explanationOf(party, isOpen) {
  if (!isOpen) return say("reconnectingControls");
  const owner = party.members.find((member) => member.role === "owner")?.name || say("theOwner");
  if (party.isOwner) return say("ownerControls");
  if (party.may("control")) return say(party.may("choose") ? "allControls" : "steersOnly", owner);
  return say("noControls", owner);
}

function syncStateOf({ film, playhead, player, clock, isOpen }) {
  if (!isOpen) return "connectionLost";
  if (!film || !playhead.isPlaying || player.trouble || player.hasPlayedOut) return "none";
  if (!clock.isSet) return "measuring";
  if (player.isBlocked) return "notWatching";
  if (player.isWaiting) return "buffering";
  if (player.isLive || player.errorSeconds === null) return "none";
  return Math.abs(player.errorSeconds) <= IN_SYNC_SECONDS ? "inSync" : "catchingUp";
}
