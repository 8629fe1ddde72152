/** Which stations the directory shows: by words, by genre, by language. */

import { byId, element } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";

/** Fewer stations are seen at a glance. */
const FILTERED_FROM = 3;

export class StationFilter {
  #words = byId("words");
  #genre = byId("genre");
  #tongue = byId("tongue");
  #shown = null;

  /** `changed()` is called when others are to be shown. */
  constructor(changed) {
    for (const field of [this.#words, this.#genre, this.#tongue]) field.addEventListener("input", changed);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Offers what the stations have. */
  render(streams) {
    byId("filter").hidden = streams.length < FILTERED_FROM;
    const genres = various(streams, "genre");
    const tongues = various(streams, "language");
    const appearance = JSON.stringify([genres, tongues, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    offer(this.#genre, say("anyGenre"), genres.map((genre) => [genre, genre]));
    offer(this.#tongue, say("anyLanguage"), tongues.map((tongue) => [tongue, nameOf(tongue)]));
  }

  /** Whether a station is shown; `track` is what is heard of it. */
  admits({ route, name, description, genre, language }, { title, artist, album }) {
    if (byId("filter").hidden) return true;
    if (this.#genre.value && this.#genre.value !== genre) return false;
    if (this.#tongue.value && this.#tongue.value !== language) return false;
    const told = [route, name, description, genre, title, artist, album].join("\n").toLowerCase();
    const words = this.#words.value.toLowerCase().split(/\s+/);
    return words.every((word) => told.includes(word));
  }
}

/** A language by its name, as the reader says it. */
export function nameOf(tongue) {
  try {
    return new Intl.DisplayNames([languageTag()], { type: "language" }).of(tongue);
  } catch {
    // It is no tag of a language.
    return tongue;
  }
}

function various(streams, key) {
  return [...new Set(streams.map((stream) => stream[key]).filter(Boolean))].sort();
}

/** Fills a choice, and keeps what was chosen; it is there only if there is something to choose from. */
function offer(choice, anything, options) {
  const chosen = choice.value;
  const items = [["", anything], ...options].map(([value, text]) => element("option", { value }, text));
  choice.replaceChildren(...items);
  choice.value = options.some(([value]) => value === chosen) ? chosen : "";
  choice.parentElement.hidden = options.length < 2;
}
