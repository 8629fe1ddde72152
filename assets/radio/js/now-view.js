/** What is heard of a station, large: the cover, and beside it title, artist, album, and how far it is. */

import { readable } from "../common/durations.js";
import { byId, setText } from "../common/elements.js";
import { say } from "../common/texts.js";
import { showCover } from "./cover-view.js";

export class NowView {
  render({ source }, { title, artist, album, year, cover, duration_seconds: length }, elapsed) {
    showCover(byId("now-cover"), cover, true);
    byId("now-source").hidden = source === "folder";
    setText(byId("now-source"), say(source) ?? "");
    setText(byId("now-title"), title || say("silent"));
    setText(byId("now-artist"), artist ?? "");
    setText(byId("now-album"), [album, year].filter(Boolean).join(" · "));
    setText(byId("now-elapsed"), title ? readable(elapsed) : "");
    setText(byId("now-length"), length ? readable(length) : "");
    byId("now-played").style.width = length ? `${Math.min(100, (elapsed / length) * 100)}%` : "0";
  }
}
