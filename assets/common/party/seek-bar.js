/** The bar that shows where a room is in what it plays, and that seeks in it. */

import { readable } from "../durations.js";
import { byId, setText } from "../elements.js";
import { say } from "../texts.js";

const ARROW_STEP = 5;
/** How long the bar waits (milliseconds) for the room to follow before it shows the room again. */
const PATIENCE_MS = 1500;

export class SeekBar {
  #bar = byId("seek");
  #position = byId("position");
  #seek;
  #isDragging = false;
  #sought = null;

  /** `seek(seconds)` is called when somebody has chosen a position. */
  constructor(seek) {
    this.#seek = seek;
    this.#bar.addEventListener("input", () => {
      this.#isDragging = true;
      this.#show(Number(this.#bar.value), Number(this.#bar.max));
    });
    this.#bar.addEventListener("change", () => this.#commit());
    this.#bar.addEventListener("blur", () => (this.#isDragging = false));
    this.#bar.addEventListener("keydown", (event) => this.#step(event));
  }

  set isEnabled(isEnabled) {
    this.#bar.disabled = !isEnabled;
  }

  /** Shows a position (seconds) of `duration`, which is null if there is none, unless somebody is seeking. */
  render(position, duration, isLive = false) {
    if (this.#sought !== null && performance.now() > this.#sought.until) this.#sought = null;
    if (this.#isDragging) return;
    this.#bar.max = String(duration ?? 0);
    const shown = this.#sought?.position ?? position;
    if (duration !== null) this.#bar.value = String(shown);
    this.#show(shown, duration, isLive);
  }

  /** The room moved: the bar shows it again. */
  noteMove() {
    this.#sought = null;
  }

  #show(position, duration, isLive = false) {
    setText(this.#position, duration === null && isLive ? "" : readable(position));
    const fill = duration ? (100 * position) / duration : 0;
    this.#bar.style.setProperty("--fill", `${Math.min(100, fill).toFixed(2)}%`);
    const spoken = duration ? say("positionOf", readable(position), readable(duration)) : readable(position);
    if (this.#bar.getAttribute("aria-valuetext") !== spoken) this.#bar.setAttribute("aria-valuetext", spoken);
  }

  #commit() {
    this.#isDragging = false;
    const position = Number(this.#bar.value);
    this.#sought = { position, until: performance.now() + PATIENCE_MS };
    this.#seek(position);
  }

  #step(event) {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!direction || this.#bar.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    this.#bar.value = String(Number(this.#bar.value) + direction * ARROW_STEP);
    this.#commit();
  }
}
