/** A table that is asked for page by page. */

import { byId, element, emptyNote } from "../common/elements.js";
import { say } from "../common/texts.js";

export class PagedTable {
  #place;
  #more;
  #columns;
  #none;
  #cells;
  /** Null until something is known. */
  #rows = null;
  #next = null;

  /**
   * Shown in the element `id`, below it a button `more-…`. `columns` and `none` (what is said of no rows) are keys of
   * texts, `cells(row)` gives the contents of a row, and `askMore(before)` is called when somebody wants the next page.
   */
  constructor(id, { columns, none, cells, askMore }) {
    this.#place = byId(id);
    this.#more = byId(`more-${id}`);
    this.#columns = columns;
    this.#none = none;
    this.#cells = cells;
    this.#more.addEventListener("click", () => askMore(this.#next));
  }

  /** Takes a page, the first or one that follows; `next` is what the one after it comes before, or null. */
  take(rows, next, isFirst) {
    this.#rows = isFirst ? rows : [...this.#rows, ...rows];
    this.#next = next;
    this.render();
  }

  clear() {
    this.#rows = this.#next = null;
    this.render();
  }

  render() {
    this.#more.hidden = this.#next === null;
    this.#place.replaceChildren(...(this.#rows ? [this.#content()] : []));
  }

  #content() {
    if (this.#rows.length === 0) return emptyNote(say(this.#none));
    const head = this.#columns.map((column) => element("th", { scope: "col" }, say(column)));
    const body = this.#rows.map((row) => element("tr", {}, ...this.#cells(row)));
    const name = (cell, column) => (cell.dataset.column = head[column].textContent);
    for (const { cells } of body) [...cells].forEach(name);
    const parts = [element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)];
    return element("div", { class: "scroll", tabindex: 0 }, element("table", {}, ...parts));
  }
}

export function cell(content, kind = null) {
  return element("td", { class: kind }, content);
}
