/** The player at the foot of the page, or alone in a frame: what is heard, play and stop, the volume. */

import { byId, iconAddress, setText } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { say } from "../common/texts.js";
import { showCover } from "./cover-view.js";

const FIRST_VOLUME = 0.8;

export class PlayerView {
  #play = byId("play");
  #playIcon = byId("play-icon");
  #volume = byId("volume");

  /** `actions` has `playOrStop()` and `setVolume(fraction)`. */
  constructor(actions) {
    this.#play.addEventListener("click", actions.playOrStop);
    this.#volume.value = Math.round((recall("volume") ?? FIRST_VOLUME) * 100);
    const setVolume = () => {
      const volume = Number(this.#volume.value) / 100;
      this.#volume.style.setProperty("--fill", `${this.#volume.value}%`);
      remember("volume", volume);
      actions.setVolume(volume);
    };
    this.#volume.addEventListener("input", setVolume);
    setVolume();
  }

  render({ title, artist, cover }, isPlaying) {
    const action = isPlaying ? "stop" : "play";
    const icon = iconAddress(action);
    setText(byId("title"), title || say("silent"));
    setText(byId("artist"), artist ?? "");
    if (this.#playIcon.getAttribute("href") !== icon) this.#playIcon.setAttribute("href", icon);
    this.#play.setAttribute("aria-label", say(action));
    showCover(byId("cover"), cover);
  }
}
