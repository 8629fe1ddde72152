/** The link to the room: to copy, and as a QR code. */

import { base } from "../common/base.js";
import { copyFrom } from "../common/clipboard.js";
import { byId, setText } from "../common/elements.js";
import { drawCode } from "../common/qr-code.js";
import { say } from "../common/texts.js";

const COPIED_FOR_MS = 2000;

/** The address that leads into room `id`. */
export function linkTo(id) {
  const link = new URL(base);
  link.searchParams.set("room", id);
  return link.href;
}

export class ShareView {
  #code = byId("room-code");
  #link = byId("share-link");
  #copy = byId("copy-link");
  #copyText = byId("copy-text");
  #qr = byId("qr-code");
  #isCopied = false;
  #drawn = null;

  /** `announce(key)` says how copying went. */
  constructor(announce) {
    this.#link.addEventListener("focus", () => this.#link.select());
    this.#copy.addEventListener("click", async () => {
      const hasCopied = await copyFrom(this.#link);
      announce(hasCopied ? "copiedStatus" : "copyFailed");
      if (hasCopied) this.#noteCopied();
    });
  }

  render({ room }) {
    setText(this.#code, room.id);
    setText(this.#copyText, say(this.#isCopied ? "copied" : "copy"));
    this.#link.value = linkTo(room.id);
    this.#qr.setAttribute("aria-label", say("qrCode", room.id));
    if (this.#drawn === this.#link.value) return;
    this.#drawn = this.#link.value;
    drawCode(this.#qr, this.#drawn);
  }

  #noteCopied() {
    this.#isCopied = true;
    setText(this.#copyText, say("copied"));
    setTimeout(() => {
      this.#isCopied = false;
      setText(this.#copyText, say("copy"));
    }, COPIED_FOR_MS);
  }
}
