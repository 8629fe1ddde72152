/** A dialog with the server's own files, to look through, to search and to choose from. */

import { readable } from "./durations.js";
import { element, emptyNote, icon, setText } from "./elements.js";
import { listMedia, staleAfter, withTicket } from "./media.js";
import { say } from "./texts.js";

/** The search waits until nothing has been typed for this long. */
const TYPING_MS = 250;

export class LibraryPicker {
  #kind;
  #ticketOf;
  #choose;
  #chooseKey;
  #dialog;
  #title = element("h2", { class: "heading", id: "library-title" });
  #search = element("input", { type: "search", spellcheck: "false", autocomplete: "off" });
  #list = element("ul", { class: "library-list", tabindex: "-1" });
  #more = element("button", { type: "button", class: "outlined is-compact" });
  #close = element("button", { type: "button", class: "outlined" });
  #after = null;
  #asked = 0;
  #timer = null;
  #refresh = null;

  /**
   * Shows files of `kind`, "audio" or "video". `ticketOf()` gives the room's ticket, `choose(item)` takes what was chosen,
   * and `chooseKey` is the text of the button that does.
   */
  constructor({ kind, ticketOf, choose, chooseKey }) {
    this.#kind = kind;
    this.#ticketOf = ticketOf;
    this.#choose = choose;
    this.#chooseKey = chooseKey;
    const search = element("label", { class: "library-search" }, icon("search"), this.#search);
    const menu = element("menu", {}, this.#more, this.#close);
    this.#dialog = element("dialog", { class: "library", "aria-labelledby": "library-title" }, this.#title, search, this.#list, menu);
    document.body.append(this.#dialog);
    this.#close.addEventListener("click", () => this.#dialog.close());
    this.#more.addEventListener("click", () => this.#load(false));
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#start(), TYPING_MS);
    });
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  open() {
    setText(this.#title, say("library"));
    setText(this.#close, say("done"));
    setText(this.#more, say("more"));
    this.#search.placeholder = say("searchLibrary");
    this.#search.setAttribute("aria-label", say("searchLibrary"));
    this.#search.value = "";
    this.#dialog.showModal();
    this.#start();
  }

  close() {
    this.#dialog.close();
  }

  #start() {
    this.#list.replaceChildren();
    return this.#load(true);
  }

  async #load(isAnew) {
    this.#asked += 1;
    const asked = this.#asked;
    this.#more.hidden = true;
    const page = await listMedia(this.#ticketOf(), { q: this.#search.value.trim(), after: isAnew ? null : this.#after });
    if (asked !== this.#asked) return;
    clearTimeout(this.#refresh);
    const wait = isAnew ? staleAfter(page) : null;
    if (wait !== null) {
      this.#refresh = setTimeout(() => asked === this.#asked && this.#dialog.open && this.#load(true), wait);
    }
    if (isAnew) this.#list.replaceChildren();
    const items = (page?.items ?? []).filter((item) => item.kind === this.#kind);
    this.#list.append(...items.map((item) => this.#row(item)));
    this.#after = page?.after ?? null;
    this.#more.hidden = this.#after === null;
    if (this.#list.childElementCount > 0) return;
    this.#list.append(element("li", {}, emptyNote(say(this.#reason(page)))));
  }

  /** Why there is nothing in the list. */
  #reason(page) {
    if (page === null) return "libraryAway";
    if (page.isScanning) return "libraryScanning";
    return this.#search.value.trim() ? "nothingFound" : "libraryEmpty";
  }

  #row(item) {
    const details = [item.artist, item.album, item.seconds > 0 && readable(item.seconds)].filter(Boolean).join(" · ");
    const words = element(
      "div",
      { class: "library-words" },
      element("span", { class: "library-title" }, item.title),
      element("span", { class: "library-details" }, item.isPlayable ? details : (item.why ?? say("unplayable"))),
    );
    const choose = element("button", { type: "button", class: "outlined is-compact", disabled: !item.isPlayable }, say(this.#chooseKey));
    choose.setAttribute("aria-label", `${say(this.#chooseKey)}: ${item.title}`);
    choose.addEventListener("click", () => this.#choose(item));
    const row = element("li", { class: "library-item" }, this.#picture(item), words, choose);
    row.classList.toggle("is-unplayable", !item.isPlayable);
    return row;
  }

  #picture(item) {
    const frame = element("span", { class: "library-picture", "aria-hidden": "true" }, icon(this.#kind === "video" ? "play" : "library"));
    if (!item.poster) return frame;
    const picture = element("img", { src: withTicket(`media/poster/${item.id}`, this.#ticketOf()), alt: "", loading: "lazy" });
    picture.addEventListener("error", () => picture.remove());
    frame.append(picture);
    return frame;
  }
}
