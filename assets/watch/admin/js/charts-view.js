/** The last hour in four charts. */

import { chart } from "../../common/chart.js";
import { byId, element } from "../../common/elements.js";
import { say } from "../../common/texts.js";

export function showCharts({ rooms, totalMembers, minutes }) {
  const present = { rooms: rooms.length, members: totalMembers };
  const tiles = ["rooms", "members", "chats", "events"].map((field) => {
    const past = minutes.map((minute) => minute[field]);
    const now = present[field] ?? past.at(-1) ?? 0;
    const label = say("chartOf", say(field), now, Math.max(0, ...past));
    const caption = element("figcaption", {}, say(field), element("strong", {}, String(now)));
    return element("figure", { class: "tile" }, caption, chart(past, label));
  });
  byId("charts").replaceChildren(...tiles);
}
