/** The last lines of the log; it follows the newest one as long as that is in view. */

import { byId, element } from "../common/elements.js";
import { ask, query } from "../common/server.js";

/** Lines that are shown: those that the server has kept are fewer, those of a long day are more. */
const MAX_LINES = 2_000;
/** So near to its end, a reader looks at the end. */
const NEAR_PX = 40;

export class LogView {
  #list = byId("log");
  #next = 0;

  /** Shows the lines that have come since. */
  async refresh() {
    const { lines, next } = await ask(query("v1/log", { since: this.#next }));
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    const follows = this.#next === 0 || scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#next = next;
    this.#list.append(...lines.map((line) => element("p", { class: tone(line) }, line)));
    while (this.#list.childElementCount > MAX_LINES) this.#list.firstElementChild.remove();
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  forget() {
    this.#next = 0;
    this.#list.replaceChildren();
  }
}

/** The level is the second word of a line. */
function tone(line) {
  const level = line.split(/\s+/, 2)[1];
  return level === "ERROR" ? "is-error" : level === "WARN" ? "is-warning" : "";
}
