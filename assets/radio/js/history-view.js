/** What the chosen station has played before. */

import { byId, element } from "../common/elements.js";
import { languageTag } from "../common/texts.js";
import { showCover } from "./cover-view.js";
import { clockTime } from "./times.js";

const MAX_ROWS = 20;

let shown = null;

/** `tracks` are the station's, the latest first. */
export function showHistory(tracks) {
  const rows = tracks.slice(0, MAX_ROWS);
  const appearance = JSON.stringify([rows, languageTag()]);
  if (appearance === shown) return;
  shown = appearance;
  byId("history").replaceChildren(...rows.map(historyItem));
  byId("no-past").hidden = rows.length > 0;
}

function historyItem({ artist, title, cover, started_at: start }) {
  const time = element("time", { class: "moment" }, clockTime(start));
  const image = element("img", { class: "cover", alt: "", width: 36, height: 36, loading: "lazy" });
  showCover(image, cover);
  const name = element("span", { class: "name" }, [artist, title].filter(Boolean).join(" - "));
  return element("li", {}, time, image, name);
}
