/** The lyrics of the track: the line that is sung is marked and in sight, and a tapped one is played. */

import { byId, element } from "../common/elements.js";
import { readable } from "../common/durations.js";
import { withTicket } from "../common/media.js";
import { say } from "../common/texts.js";
import { lineAt, readLyrics } from "./lyrics.js";

/** Lyrics that the reader has scrolled stay where they are for this long. */
const OWN_PLACE_MS = 4000;

export class LyricsView {
  #list = byId("lyrics");
  #seek;
  #fetch;
  #path = null;
  #lines = [];
  #sung = -1;
  #isSeen = false;
  #canSeek = false;
  #scrolledAt = -Infinity;

  /** `seek(seconds)` goes to a line; `changed()` is called when there are lyrics, or none any more. */
  constructor({ seek, changed }) {
    this.#seek = seek;
    this.#fetch = async (path, ticket) => {
      const text = await lyricsFrom(withTicket(path, ticket));
      if (path !== this.#path) return;
      this.#lines = readLyrics(text);
      this.#draw();
      changed();
    };
    const note = () => (this.#scrolledAt = performance.now());
    for (const event of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      this.#list.addEventListener(event, note, { passive: true });
    }
  }

  get hasLines() {
    return this.#lines.length > 0;
  }

  /** Takes the lyrics from `path` with a ticket, or from nowhere if it is null. */
  follow(path, ticket) {
    if (path === this.#path) return;
    this.#path = path;
    this.#lines = [];
    this.#draw();
    if (path !== null) this.#fetch(path, ticket);
  }

  render(canSeek) {
    if (canSeek === this.#canSeek) return;
    this.#canSeek = canSeek;
    this.#draw();
  }

  /** Marks the line that is sung at `position`. */
  renderTime(position) {
    const sung = position === null ? -1 : lineAt(this.#lines, position);
    const isSeen = this.#list.clientHeight > 0;
    const hasAppeared = isSeen && !this.#isSeen;
    this.#isSeen = isSeen;
    if (sung === this.#sung && !hasAppeared) return;
    this.#list.children[this.#sung]?.removeAttribute("aria-current");
    this.#sung = sung;
    const line = this.#list.children[sung];
    line?.setAttribute("aria-current", "true");
    const isFollowed = hasAppeared || performance.now() - this.#scrolledAt > OWN_PLACE_MS;
    if (line && isFollowed) this.#bringIntoSight(line, hasAppeared);
  }

  #draw() {
    this.#sung = -1;
    this.#list.replaceChildren(...this.#lines.map((line) => this.#item(line)));
    this.#list.scrollTop = 0;
  }

  #item({ at, text }) {
    const words = text || "♪";
    if (!this.#canSeek) return element("li", { class: "lyric" }, words);
    const button = element("button", { type: "button", title: say("playFrom", readable(at)) }, words);
    button.addEventListener("click", () => this.#seek(at));
    return element("li", { class: "lyric" }, button);
  }

  /** Scrolls the lyrics alone, never the page. */
  #bringIntoSight(line, isAtOnce) {
    const middle = line.offsetTop - this.#list.offsetTop - (this.#list.clientHeight - line.offsetHeight) / 2;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#list.scrollTo({ top: middle, behavior: isCalm || isAtOnce ? "instant" : "smooth" });
  }
}

async function lyricsFrom(address) {
  try {
    const response = await fetch(address);
    return response.ok ? await response.text() : "";
  } catch {
    return "";
  }
}
