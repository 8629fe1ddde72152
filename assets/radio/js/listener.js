/** The sound of one station: plays, stops, and takes up again what broke off. */

import { withKey } from "./routes.js";

const LONGEST_PAUSE_SECONDS = 30;

export class Listener {
  #audio = new Audio();
  #address = null;
  #joinedAt = 0;
  #retry = 0;
  #failures = 0;

  /** `beforePlaying()` is called in the click that starts the sound. */
  constructor(beforePlaying) {
    this.beforePlaying = beforePlaying;
    this.#audio.preload = "none";
    // A station that was restarted is taken up again.
    this.#audio.addEventListener("ended", () => this.#playAgain());
    this.#audio.addEventListener("error", () => this.#playAgain());
    this.#audio.addEventListener("playing", () => (this.#failures = 0));
    // The first sound is here: the connection may have taken its time.
    this.#audio.addEventListener("loadedmetadata", () => (this.#joinedAt = Date.now() / 1000));
  }

  get audio() {
    return this.#audio;
  }

  get isPlaying() {
    return this.#audio.src !== "" && !this.#audio.paused;
  }

  /**
   * The page's time (seconds) of what sounds, without the burst. What a browser has played since it joined is known to
   * the millisecond, what it holds is not.
   */
  get now() {
    return this.isPlaying ? this.#joinedAt + this.#audio.currentTime : Date.now() / 1000;
  }

  play(address) {
    clearTimeout(this.#retry);
    this.#address = address;
    this.#audio.src = withKey(address, { t: Date.now() });
    this.#joinedAt = Date.now() / 1000;
    this.beforePlaying();
    this.#audio.play().catch(() => {});
  }

  stop() {
    clearTimeout(this.#retry);
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load();
  }

  /** Plays again after a while, and after a longer one when that fails too. */
  #playAgain() {
    if (!this.#audio.src) return;
    clearTimeout(this.#retry);
    this.#failures += 1;
    const pause = Math.min(LONGEST_PAUSE_SECONDS, 2 ** Math.min(this.#failures, 5)) * 500;
    this.#retry = setTimeout(() => this.play(this.#address), pause);
  }
}
