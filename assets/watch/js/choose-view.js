/** What can be put on the screen: a link, an own copy, and the films of the server's library with their posters. */

import { readable } from "../common/durations.js";
import { byId, element, icon, setText } from "../common/elements.js";
import { listMedia, staleAfter, withTicket } from "../common/media.js";
import { languageTag, say } from "../common/texts.js";
import { megabytes } from "./sizes.js";

/** The search waits until nothing has been typed for this long. */
const TYPING_MS = 250;

export class ChooseView {
  #link = byId("film-url");
  #linkForm = byId("link-form");
  #complaint = byId("film-url-complaint");
  #copy = byId("own-copy-file");
  #search = byId("library-search");
  #searchBox = byId("library-search-box");
  #grid = byId("library");
  #note = byId("library-note");
  #more = byId("library-more");
  #parts = byId("choose-parts");
  #explanation = byId("choose-explanation");
  #ticketOf;
  #actions;
  #items = [];
  #after = null;
  #state = "unknown";
  #asked = 0;
  #timer = null;
  #refresh = null;
  #loadedFor = null;
  #shown = null;

  /**
   * `ticketOf()` is the room's ticket or null; `actions` has `putLink(typed)`, which resolves to a complaint or null,
   * `putCopy(file)` and `putItem(item)`.
   */
  constructor(ticketOf, actions) {
    this.#ticketOf = ticketOf;
    this.#actions = actions;
    this.#linkForm.addEventListener("submit", (event) => this.#putLink(event));
    this.#link.addEventListener("input", () => this.#complain(null));
    this.#copy.addEventListener("change", () => {
      const [file] = this.#copy.files;
      this.#copy.value = "";
      if (file) actions.putCopy(file).then(showStage);
    });
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#load(true), TYPING_MS);
    });
    this.#more.addEventListener("click", () => this.#load(false));
  }

  render({ party, film, isOpen }) {
    const mayChoose = party.may("choose");
    this.#parts.hidden = !mayChoose;
    this.#explanation.hidden = mayChoose;
    const owner = party.members.find((member) => member.role === "owner")?.name || say("theOwner");
    setText(this.#explanation, say("mayNotChoose", owner));
    for (const field of this.#linkForm.elements) field.disabled = !isOpen;
    // A room that was just entered, and one that lets this page choose only now.
    const roomId = party.room?.roomId ?? null;
    if (mayChoose && this.#ticketOf() !== null && roomId !== null && roomId !== this.#loadedFor) {
      this.#loadedFor = roomId;
      this.#load(true);
    }
    this.#renderLibrary(film);
  }

  async #load(isAnew) {
    this.#asked += 1;
    const asked = this.#asked;
    const q = this.#search.value.trim();
    const page = await listMedia(this.#ticketOf(), { q, after: isAnew ? null : this.#after });
    if (asked !== this.#asked) return;
    const found = (page?.items ?? []).filter(({ kind }) => kind === "video");
    this.#items = isAnew ? found : [...this.#items, ...found];
    this.#after = page?.after ?? null;
    if (page === null) this.#state = "away";
    else if (!page.hasFolder) this.#state = "off";
    else if (this.#items.length > 0) this.#state = "some";
    else if (page.isScanning) this.#state = "scanning";
    else this.#state = q ? "nothingFound" : "none";
    clearTimeout(this.#refresh);
    const wait = isAnew ? staleAfter(page) : null;
    if (wait !== null) {
      this.#refresh = setTimeout(() => asked === this.#asked && this.#ticketOf() !== null && this.#load(true), wait);
    }
    this.#renderLibrary(null);
  }

  #renderLibrary(film) {
    const playing = film?.videoId ?? null;
    const appearance = JSON.stringify([languageTag(), this.#state, this.#items.map(({ id }) => id), this.#after, playing]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    this.#grid.replaceChildren(...this.#items.map((item) => this.#tile(item, item.id === playing)));
    this.#searchBox.hidden = ["away", "off", "none", "scanning", "unknown"].includes(this.#state);
    this.#more.hidden = this.#after === null;
    const notes = { away: "libraryAway", off: "libraryOff", none: "libraryEmpty", scanning: "libraryScanning", nothingFound: "nothingFound" };
    this.#note.hidden = !notes[this.#state];
    if (notes[this.#state]) setText(this.#note, say(notes[this.#state]));
  }

  #tile(item, isPlaying) {
    const canPlay = item.isPlayable || Boolean(item.hls);
    const facts = [item.seconds > 0 && readable(item.seconds), item.bytes > 0 && megabytes(item.bytes)];
    const unplayable = say("unplayable", item.why || (item.codecs ?? []).join(", "));
    const details = canPlay ? facts.filter(Boolean).join(" · ") : unplayable;
    const marks = item.subtitles?.length > 0 ? [element("span", { class: "tile-mark" }, icon("subtitles"))] : [];
    const tile = element(
      "button",
      { type: "button", class: "film-tile", disabled: !canPlay, "aria-pressed": String(isPlaying) },
      element("span", { class: "film-poster", "aria-hidden": "true" }, icon("film"), ...this.#poster(item), ...marks),
      element("span", { class: "film-name" }, item.title),
      element("span", { class: "film-facts" }, details),
    );
    tile.addEventListener("click", () => {
      this.#actions.putItem(item);
      showStage();
    });
    return element("li", {}, tile);
  }

  #poster(item) {
    if (!item.poster) return [];
    const picture = element("img", { src: withTicket(`media/poster/${item.id}`, this.#ticketOf()), alt: "", loading: "lazy" });
    picture.addEventListener("error", () => picture.remove());
    return [picture];
  }

  async #putLink(event) {
    event.preventDefault();
    const typed = this.#link.value;
    this.#complain(null);
    this.#link.value = "";
    const complaint = await this.#actions.putLink(typed);
    if (!complaint) showStage();
    // What was typed meanwhile is not replaced.
    if (!complaint || this.#link.value !== "") return;
    this.#link.value = typed;
    this.#complain(complaint);
  }

  #complain(complaint) {
    this.#link.setAttribute("aria-invalid", String(complaint !== null));
    this.#complaint.hidden = complaint === null;
    setText(this.#complaint, complaint ?? "");
  }
}

/** What was put on is above what can be put on. */
function showStage() {
  window.scrollTo({ top: 0, behavior: "smooth" });
}
