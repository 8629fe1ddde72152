/** Next, previous and shuffle, for whoever has the admin key. */

import { byId } from "../common/elements.js";
import { ask } from "../common/server.js";
import { addressOf } from "./routes.js";

const ORDERS = { previous: "prev-track", next: "next-track", shuffle: "shuffle-playlist" };

/** `chosen()` is the station that is meant; `status` says how it went. */
export function installOperator(chosen, status) {
  byId("operator").addEventListener("submit", (event) => event.preventDefault());
  for (const [id, path] of Object.entries(ORDERS)) {
    byId(id).addEventListener("click", () => order(path, chosen(), status));
  }
}

async function order(path, station, status) {
  if (!station) return;
  try {
    await ask(addressOf(path, station.route), { method: "POST", key: byId("key").value });
    status.tell("done");
  } catch (problem) {
    if (problem instanceof TypeError) status.complain("reconnecting");
    else status.complain("told", problem.message);
  }
}
