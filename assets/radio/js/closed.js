/** What a person sees in place of a page that is not shown: why, and a field for the key where one opens it. */

import { readable } from "../common/durations.js";
import { byId, setText } from "../common/elements.js";
import { say, speak } from "../common/texts.js";

/** Why, as the server says it, and the seconds after which to try again. */
const [reason, wait] = ["reason", "wait"].map((name) => document.querySelector(`meta[name="roomhub-${name}"]`)?.content);
/** The reasons that a key takes away. */
const ASKS_FOR_KEY = ["key_expected", "key_wrong"];

const asksForKey = ASKS_FOR_KEY.includes(reason);
byId("key-field").hidden = byId("open").hidden = byId("key").disabled = !asksForKey;
speak("radio", show);
show();
if (asksForKey) byId("key").focus();

function show() {
  setText(byId("reason"), say(reason, readable(Number(wait))));
  document.title = `${say(reason, readable(Number(wait)))} – Roomhub radio`;
}
