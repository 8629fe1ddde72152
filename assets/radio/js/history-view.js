/** What the chosen station has played before. */

import { byId, element } from "../common/elements.js";
import { languageTag, moment } from "../common/texts.js";

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

function historyItem({ artist, title, started_at: start }) {
  const time = element("time", { class: "moment" }, moment(start * 1000, { hour: "2-digit", minute: "2-digit" }));
  return element("li", {}, time, element("span", { class: "name" }, [artist, title].filter(Boolean).join(" - ")));
}
