/**
 * Danmaku: what is said in the chat runs across the picture, at the second at which it was said.
 *
 * `layer` is laid over the picture, `toggle` is the button that turns it on and off (each reader's own choice, kept in
 * the browser). What `party` tells of `chat` runs at once and, if it was said at a position, again whenever the picture
 * gets there. The page calls `follow(position, isPlaying)` a few times a second and `begin()` when another film starts.
 * `run(text)` shows one line. `render()` says all in another language.
 */

import { element, icon, setText } from "../elements.js";
import { recall, remember } from "../memory.js";
import { fill, say } from "../texts.js";

/** Lines on the picture at once; what is more is not shown. */
const MOST_AT_ONCE = 40;
/** Lines remembered with their positions. */
const MOST_REMEMBERED = 2000;
const MOST_CHARACTERS = 100;
/** How long a line takes from side to side (milliseconds). */
const CROSSING_MS = 9000;
/** What lasts without moving, for readers who want no motion. */
const STANDING_MS = 4000;
const LANE_PX = 34;
/** The part of the picture, from the top, that lines run in. */
const USED = 0.6;
/** A step of the position beyond this (seconds) is a seek: what lies between is passed over. */
const LONGEST_STEP = 2;
/** A step back up to this (seconds) is the player keeping in time; a longer one has everything run again. */
const LONGEST_WOBBLE = 1;
const MEMORY = "danmaku";

export class Danmaku {
  layer = element("div", { class: "danmaku", "aria-hidden": "true" });
  #words = element("span", { "data-say": "danmaku" });
  toggle = element("button", { type: "button", class: "outlined is-compact" }, icon("danmaku"), this.#words);
  #party;
  #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  #isOn;
  #isPlaying = true;
  #position = null;
  #remembered = [];
  #lanes = [];
  #running = new Set();

  constructor({ party }) {
    this.#party = party;
    this.#isOn = recall(MEMORY) ?? !this.#stillness.matches;
    this.toggle.addEventListener("click", () => {
      this.#isOn = !this.#isOn;
      remember(MEMORY, this.#isOn);
      if (!this.#isOn) this.clear();
      this.render();
    });
    party.addEventListener("chat", ({ detail }) => this.#hear(detail));
    party.addEventListener("enter", () => this.begin());
    this.render();
  }

  get isOn() {
    return this.#isOn;
  }

  /** Another film: what was said before belongs to other positions. */
  begin() {
    this.#remembered = [];
    this.#position = null;
    this.clear();
  }

  /** Where the picture is: what was said between the last position and this one runs. */
  follow(position, isPlaying) {
    const last = this.#position;
    this.#position = position;
    this.#play(isPlaying);
    const step = last === null ? 0 : position - last;
    if (step < -LONGEST_WOBBLE) {
      for (const said of this.#remembered) if (said.position > position) said.isDue = true;
    }
    if (step <= 0 || step > LONGEST_STEP) return;
    for (const said of this.#remembered) {
      if (!said.isDue || said.position <= last || said.position > position) continue;
      said.isDue = false;
      this.run(said.content, said.isOwn);
    }
  }

  run(text, isOwn = false) {
    if (!this.#isOn || this.#running.size >= MOST_AT_ONCE || document.visibilityState !== "visible") return;
    const words = [...text.replace(/\s+/g, " ")].slice(0, MOST_CHARACTERS).join("");
    const line = element("span", { class: isOwn ? "danmaku-line is-own" : "danmaku-line" }, words);
    this.layer.append(line);
    const running = this.#stillness.matches ? this.#standing(line) : this.#crossing(line);
    if (!running) {
      line.remove();
      return;
    }
    this.#running.add(running);
    if (!this.#isPlaying) running.pause();
    const end = () => {
      this.#running.delete(running);
      line.remove();
    };
    running.finished.then(end, end);
  }

  clear() {
    for (const each of this.#running) each.cancel();
    this.#lanes = [];
  }

  render() {
    fill(this.toggle);
    this.toggle.setAttribute("aria-pressed", String(this.#isOn));
    setText(this.#words, say(this.#isOn ? "danmakuOn" : "danmakuOff"));
  }

  #hear({ content, position, userId }) {
    if (typeof content !== "string") return;
    const isOwn = userId === this.#party.you?.id;
    this.run(content, isOwn);
    if (!Number.isFinite(position)) return;
    this.#remembered.push({ content, position, isOwn, isDue: false });
    if (this.#remembered.length > MOST_REMEMBERED) this.#remembered.shift();
  }

  #play(isPlaying) {
    if (isPlaying === this.#isPlaying) return;
    this.#isPlaying = isPlaying;
    for (const each of this.#running) {
      if (isPlaying) each.play();
      else each.pause();
    }
  }

  /** From the right edge to beyond the left one, in the lane that is free first. */
  #crossing(line) {
    const { width, height } = this.layer.getBoundingClientRect();
    const own = line.getBoundingClientRect().width;
    // A longer line is faster: it must not catch up with the one before it.
    const reachesEdgeAfter = (CROSSING_MS * width) / (width + own);
    const lane = this.#freeLane(Math.max(1, Math.floor((height * USED) / LANE_PX)), reachesEdgeAfter);
    if (width === 0 || lane === null) return null;
    line.style.top = `${lane * LANE_PX}px`;
    const start = { transform: `translateX(${width}px)` };
    const end = { transform: `translateX(${-own}px)` };
    const running = line.animate([start, end], { duration: CROSSING_MS, fill: "both" });
    this.#lanes[lane] = { running, freeAt: (CROSSING_MS * (own + LANE_PX)) / (width + own), lasts: CROSSING_MS };
    return running;
  }

  #standing(line) {
    const lane = this.#freeLane(Math.max(1, Math.floor((this.layer.clientHeight * USED) / LANE_PX)), STANDING_MS);
    if (lane === null) return null;
    line.style.top = `${lane * LANE_PX}px`;
    line.classList.add("is-standing");
    const running = line.animate([{ opacity: 1 }, { opacity: 1 }], { duration: STANDING_MS, fill: "both" });
    this.#lanes[lane] = { running, freeAt: STANDING_MS, lasts: STANDING_MS };
    return running;
  }

  /**
   * The first lane whose last line has left the edge, and is gone when a new one is `reachesEdgeAfter` (milliseconds) old;
   * null if there is none.
   */
  #freeLane(nLanes, reachesEdgeAfter) {
    for (let lane = 0; lane < nLanes; lane += 1) {
      const last = this.#lanes[lane];
      if (!last || !this.#running.has(last.running)) return lane;
      const age = last.running.currentTime;
      if (age >= last.freeAt && last.lasts - age <= reachesEdgeAfter) return lane;
    }
    return null;
  }
}
