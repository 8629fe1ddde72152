/** How the service stands, in six figures. */

import { byId, element } from "../common/elements.js";
import { say } from "../common/texts.js";

export function showStatus({ clients, rooms, spool, database }) {
  const letters = spool.dead_letters;
  byId("figures").replaceChildren(
    figure("clients", clients),
    figure("rooms", rooms),
    figure("database", say("databaseState", database.kind, database.is_up), database.is_up ? "good" : "bad"),
    figure("spool", spool.records),
    figure("dead", letters, letters ? "bad" : ""),
    figure("writes", say(spool.takes_writes ? "yes" : "no"), spool.takes_writes ? "good" : "bad"),
  );
  byId("figures").title = database.problem ?? "";
}

function figure(name, value, kind = "") {
  return element("div", { class: "tile" }, element("dt", {}, say(name)), element("dd", { class: kind }, String(value)));
}
