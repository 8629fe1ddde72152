/** The subtitles on the picture: which ones and how large is each reader's own choice. */

import { byId, element, setText } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { languageTag, say } from "../common/texts.js";
import { titleOfFile } from "./film.js";
import { decodeText, readSubtitles, textAt } from "./subtitles.js";

const SIZES = ["small", "medium", "large", "huge"];
const OFF = "off";
const OWN = "own";
/** A file that is larger than this (bytes) holds no subtitles. */
const MOST_BYTES = 4_000_000;

export class SubtitlesView {
  #line = byId("subtitle");
  #open = byId("subtitles-open");
  #box = byId("subtitles-box");
  #choice = byId("subtitle-choice");
  #size = byId("subtitle-size");
  #file = byId("subtitle-file");
  #addressOf;
  #complain;
  #film = null;
  #offered = [];
  #own = null;
  #chosen = OFF;
  #cues = [];
  #asked = 0;
  #shown = null;

  /** `addressOf(film, subtitle)` is where the server's subtitles are; `complain(key)` says what is wrong with a file. */
  constructor({ addressOf, complain }) {
    this.#addressOf = addressOf;
    this.#complain = complain;
    this.#open.addEventListener("click", () => this.#showBox(this.#box.hidden));
    this.#choice.addEventListener("change", () => {
      remember("subtitles", this.#labelOf(this.#choice.value));
      this.#choose(this.#choice.value);
    });
    this.#size.addEventListener("change", () => {
      remember("subtitle-size", this.#size.value);
      this.#line.dataset.size = this.#size.value;
    });
    this.#file.addEventListener("change", () => this.#takeFile());
  }

  get isOn() {
    return this.#chosen !== OFF;
  }

  /** Takes what is on the screen; another film brings its own subtitles. */
  follow(film) {
    const id = film?.videoId ?? null;
    if (id === this.#film) return;
    this.#film = id;
    this.#own = null;
    const offered = Array.isArray(film?.subtitles) ? film.subtitles : [];
    this.#offered = offered.filter((each) => each?.id !== undefined).map((each) => ({ ...each, id: String(each.id) }));
    const wanted = recall("subtitles");
    this.#choose(this.#offered.find((each) => labelOf(each) === wanted)?.id ?? OFF);
  }

  /** From none to the first, and back. */
  toggle() {
    const first = this.#own ? OWN : (this.#offered[0]?.id ?? OFF);
    if (this.isOn || first !== OFF) this.#choose(this.isOn ? OFF : first);
    else this.#showBox(true);
  }

  /** Says all in the language of the moment. */
  render() {
    const appearance = JSON.stringify([languageTag(), this.#offered, this.#own?.name, this.#chosen]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    const option = (value, text) => element("option", { value, selected: value === this.#chosen }, text);
    const own = this.#own ? [option(OWN, this.#own.name)] : [];
    const offered = this.#offered.map((each) => option(each.id, labelOf(each)));
    this.#choice.replaceChildren(option(OFF, say("subtitlesOff")), ...offered, ...own);
    const size = recall("subtitle-size") ?? "medium";
    this.#size.replaceChildren(
      ...SIZES.map((each) => element("option", { value: each, selected: each === size }, say(`size_${each}`))),
    );
    this.#line.dataset.size = size;
    this.#open.setAttribute("aria-pressed", String(this.isOn));
  }

  /** Shows what is said at `position`. */
  renderTime(position) {
    const text = textAt(this.#cues, position);
    this.#line.hidden = text === "";
    setText(this.#line, text);
  }

  #showBox(isShown) {
    this.#box.hidden = !isShown;
    this.#open.setAttribute("aria-expanded", String(isShown));
    if (isShown) this.#choice.focus();
  }

  #labelOf(value) {
    const offered = this.#offered.find((each) => each.id === value);
    return offered ? labelOf(offered) : null;
  }

  async #choose(value) {
    this.#asked += 1;
    const asked = this.#asked;
    this.#chosen = value;
    this.#cues = value === OWN ? this.#own.cues : [];
    this.render();
    if (value === OFF || value === OWN) return;
    const cues = await cuesAt(this.#addressOf(this.#film, value));
    if (asked !== this.#asked) return;
    if (cues) this.#cues = cues;
    else this.#complain("subtitlesAway");
  }

  async #takeFile() {
    const file = this.#file.files[0];
    this.#file.value = "";
    if (!file) return;
    const cues = file.size <= MOST_BYTES ? readSubtitles(decodeText(new Uint8Array(await file.arrayBuffer()))) : [];
    if (cues.length === 0) {
      this.#complain("noSubtitles");
      return;
    }
    this.#own = { name: titleOfFile(file.name), cues };
    this.#choose(OWN);
  }
}

function labelOf({ label, language, id }) {
  return label || language || id;
}

async function cuesAt(address) {
  try {
    const response = await fetch(address);
    return response.ok ? readSubtitles(await response.text()) : null;
  } catch {
    return null;
  }
}
