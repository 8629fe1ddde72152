/** Every word to and from the server and over data channels, to read and to copy. */

import { byId, element } from "../common/elements.js";

const MAX_LINES = 500;
/** Whoever reads the last lines (this many pixels from the end) follows the log. */
const AT_END = 40;
const ARROWS = { sent: "→", heard: "←", failed: "✗" };

export class LogView {
  #list = byId("log");

  /** `status` says how copying went. */
  constructor(status) {
    byId("copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.#list.innerText);
        status.tell("copied");
      } catch {
        status.complain("copyFailed");
      }
    });
  }

  /** Adds an object; `kind` is `sent`, `heard` or `failed`. */
  add(kind, message) {
    const list = this.#list;
    const time = new Date().toISOString().slice(11, 23);
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END;
    list.append(element("li", { class: kind }, `${time} ${ARROWS[kind]} ${JSON.stringify(message)}`));
    if (list.children.length > MAX_LINES) list.firstElementChild.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
    list.hidden = false;
    byId("no-log").hidden = true;
  }
}
