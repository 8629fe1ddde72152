/** The picture as large as it gets: full screen with the chat beside it, the side panel away, picture in picture. */

import { byId, iconAddress } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { say } from "../common/texts.js";

/** In full screen, the controls go after this long without a move (milliseconds). */
const IDLE_AFTER_MS = 2800;
const SIDE = "watch-side";

export class TheatreView {
  #theatre = byId("theatre");
  #screen = byId("screen");
  #video = byId("video");
  #side = byId("side-toggle");
  #pip = byId("pip");
  #full = byId("full-screen");
  #fullIcon = byId("full-screen-icon");
  #idle = null;
  #press = null;

  /** `playOrPause()` is what a click on the picture does. */
  constructor(playOrPause) {
    this.#showSide(recall(SIDE) ?? true);
    this.#side.addEventListener("click", () => this.toggleSide());
    this.#full.addEventListener("click", () => this.toggleFullScreen());
    this.#pip.addEventListener("click", () => this.togglePictureInPicture());
    this.#pip.hidden = !document.pictureInPictureEnabled;
    document.addEventListener("fullscreenchange", () => this.render());
    for (const event of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      this.#theatre.addEventListener(event, () => this.#wake());
    }
    // One click plays or pauses, two are full screen: the first waits for the second.
    this.#video.addEventListener("click", (event) => {
      if (event.pointerType === "touch") return;
      clearTimeout(this.#press);
      this.#press = event.detail === 1 ? setTimeout(playOrPause, 220) : null;
    });
    this.#video.addEventListener("dblclick", () => this.toggleFullScreen());
  }

  render() {
    const isFull = document.fullscreenElement === this.#theatre;
    this.#theatre.classList.toggle("is-full", isFull);
    this.#full.setAttribute("aria-label", say(isFull ? "leaveFullScreen" : "fullScreen"));
    this.#fullIcon.setAttribute("href", iconAddress(isFull ? "window" : "full-screen"));
    this.#wake();
  }

  toggleSide() {
    this.#showSide(this.#theatre.classList.contains("is-alone"));
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.#theatre.requestFullscreen) this.#theatre.requestFullscreen().catch(() => {});
    // Telephones that give the whole screen to nothing but a picture.
    else this.#video.webkitEnterFullscreen?.();
  }

  togglePictureInPicture() {
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    else if (this.#video.readyState >= 1) this.#video.requestPictureInPicture?.().catch(() => {});
  }

  #showSide(isShown) {
    remember(SIDE, isShown);
    this.#theatre.classList.toggle("is-alone", !isShown);
    this.#side.setAttribute("aria-pressed", String(isShown));
  }

  #wake() {
    clearTimeout(this.#idle);
    this.#theatre.classList.remove("is-idle");
    if (!this.#theatre.classList.contains("is-full")) return;
    this.#idle = setTimeout(() => {
      const isBusy = this.#video.paused || this.#screen.parentElement.querySelector(".bar:focus-within:has(:focus-visible)");
      if (!isBusy) this.#theatre.classList.add("is-idle");
    }, IDLE_AFTER_MS);
  }
}
