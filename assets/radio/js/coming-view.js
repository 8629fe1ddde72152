/** What a station plays next: the track, the show that is on, and the next one. */

import { byId, setText } from "../common/elements.js";
import { say } from "../common/texts.js";
import { clockTime } from "./times.js";

/** `name` is the track's. */
export function showComing({ show, next_show: next }, name) {
  setText(byId("next-track"), name || say("notKnown"));
  setText(byId("show"), show ? say("show", show.name, clockTime(show.ends_at)) : "");
  setText(byId("next-show"), next ? say("nextShow", next.name, clockTime(next.starts_at)) : "");
}
