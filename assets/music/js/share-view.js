/** The link to the room: to copy, and as a QR code. */

import { base } from "../common/base.js";
import { byId, drawing, setText } from "../common/elements.js";
import { say } from "../common/texts.js";

const COPIED_FOR_MS = 2000;
/** The white border that scanners need around the code, in modules. */
const QUIET_ZONE = 3;

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
    if (this.#drawn !== this.#link.value) this.#drawCode(this.#link.value);
  }

  async #drawCode(text) {
    this.#drawn = text;
    const { qrcode } = await import("../common/vendor/qrcode-generator.js");
    const code = qrcode(0, "M");
    code.addData(new TextEncoder().encode(text).reduce((bytes, byte) => bytes + String.fromCharCode(byte), ""));
    code.make();

    const size = code.getModuleCount();
    let path = "";
    for (let row = 0; row < size; row += 1) {
      for (let column = 0; column < size; column += 1) {
        if (code.isDark(row, column)) path += `M${column + QUIET_ZONE} ${row + QUIET_ZONE}h1v1h-1z`;
      }
    }
    const side = size + 2 * QUIET_ZONE;
    this.#qr.setAttribute("viewBox", `0 0 ${side} ${side}`);
    this.#qr.replaceChildren(
      drawing("rect", { width: side, height: side, fill: "#fff" }),
      drawing("path", { d: path, fill: "#16181d", "shape-rendering": "crispEdges" }),
    );
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

/** The clipboard exists only on secure origins; on others the browser's old command does. */
async function copyFrom(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.select();
    return document.execCommand("copy");
  }
}
