/** Copying text. The clipboard exists only on secure origins; on others the browser's old command does. */

import { element } from "./elements.js";

/** Copies what stands in `input`, and resolves to whether that went well. */
export async function copyFrom(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.select();
    return document.execCommand("copy");
  }
}

/** The same for a text that stands nowhere. */
export async function copyText(text) {
  const field = element("input", { type: "text", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  const hasCopied = await copyFrom(field);
  field.remove();
  return hasCopied;
}
