/** The dialog that asks before something is done. */

import { byId, setText } from "../common/elements.js";

const dialog = byId("question");
const input = byId("question-answer");
let settle = null;

dialog.addEventListener("close", settleClosed);

/** Whether the operator means it. */
export async function confirm(text) {
  return (await asked(text, null, "yes")) !== null;
}

/** What the operator answers, or null; `type` is the input's. */
export function askFor(text, type = "text", value = "") {
  return asked(text, type, value);
}

function asked(text, type, value) {
  settleClosed();
  setText(byId("question-text"), text);
  input.hidden = type === null;
  input.type = type ?? "text";
  input.value = value;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => (settle = resolve));
}

/** A `close` event comes with the next frame, when the dialog may be open again with another question. */
function settleClosed() {
  if (dialog.open) return;
  settle?.(dialog.returnValue === "yes" ? input.value : null);
  settle = null;
}
