/** What to hand on of a station: the address of its page, and the player for other sites. */

import { copyText } from "../common/clipboard.js";
import { byId } from "../common/elements.js";
import { embedOf, pageOf } from "./routes.js";

const FRAME = { width: 420, height: 112 };

export class ShareView {
  #texts = { page: "", frame: "" };
  #shown = null;

  constructor(status) {
    const copy = async (text) => {
      if (await copyText(text)) status.tell("copied");
      else status.complain("copyFailed");
    };
    byId("copy-page").addEventListener("click", () => copy(this.#texts.page));
    byId("copy-frame").addEventListener("click", () => copy(this.#texts.frame));
  }

  render({ route, name }) {
    if (route + name === this.#shown) return;
    this.#shown = route + name;
    const absolute = (address) => new URL(address, document.baseURI).href;
    this.#texts = { page: absolute(pageOf(route)), frame: frameOf(absolute(embedOf(route)), name) };
    byId("page-address").value = this.#texts.page;
    byId("frame-text").value = this.#texts.frame;
  }
}

/** The element that other sites put into their pages, as they write it. */
function frameOf(address, name) {
  const { width, height } = FRAME;
  const made = document.createElement("iframe");
  const attributes = { src: address, title: name, width, height, allow: "autoplay", frameborder: 0 };
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made.outerHTML;
}
