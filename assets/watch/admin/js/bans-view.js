/** The addresses that are kept out, and the way to let them in again. */

import { button, byId, element, emptyNote } from "../../common/elements.js";
import { moment, say } from "../../common/texts.js";

/** `act(method, path)` has the server do something. */
export function showBans({ bans }, act) {
  const list = element("ul", { class: "rows" }, ...bans.map((ban) => banItem(ban, act)));
  byId("bans").replaceChildren(bans.length ? list : emptyNote(say("noBans")));
}

function banItem({ address, until }, act) {
  const lift = () => act("DELETE", `bans/${address}`);
  return element(
    "li",
    {},
    element("code", { class: "grows name" }, address),
    element("span", { class: "hint" }, say("until", moment(until, { timeStyle: "short" }))),
    button(say("lift"), lift, { class: "outlined is-compact", "data-focus": `lift ${address}` }),
  );
}
