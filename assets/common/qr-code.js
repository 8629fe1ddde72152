/** QR codes, drawn as SVG. */

import { drawing } from "./elements.js";

/** The white border that scanners need around the code, in modules. */
const QUIET_ZONE = 3;

/** Draws the code of `text` into `target`, an `svg` element. */
export async function drawCode(target, text) {
  const { qrcode } = await import("./vendor/qrcode-generator.js");
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
  target.setAttribute("viewBox", `0 0 ${side} ${side}`);
  target.replaceChildren(
    drawing("rect", { width: side, height: side, fill: "#fff" }),
    drawing("path", { d: path, fill: "#16181d", "shape-rendering": "crispEdges" }),
  );
}
