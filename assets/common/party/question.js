/** A question before something is done that cannot be undone: `await confirmed(text, yes)` is whether the reader means it. */

import { button, element } from "../elements.js";
import { say } from "../texts.js";

export function confirmed(text, yes) {
  const answer = (value) => () => dialog.close(value);
  const dialog = element(
    "dialog",
    { class: "question", "aria-label": text },
    element("p", {}, text),
    element(
      "menu",
      {},
      button(say("doNot"), answer(""), { class: "outlined", autofocus: true }),
      button(yes, answer("yes"), { class: "primary" }),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
