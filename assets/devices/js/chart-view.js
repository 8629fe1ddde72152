/** Messages of each minute of the last hour. */

import { chart } from "../common/chart.js";
import { byId, element } from "../common/elements.js";
import { moment, say } from "../common/texts.js";

const MINUTES = 60;
const MINUTE_MS = 60_000;

/** `minutes` are those in which something was said: `{at, messages}`. */
export function showChart({ since, minutes }) {
  const counts = new Map(minutes.map(({ at, messages }) => [at, messages]));
  const starts = Array.from({ length: MINUTES }, (_, minute) => since + minute * MINUTE_MS);
  const values = starts.map((at) => counts.get(at) ?? 0);
  const total = values.reduce((sum, n) => sum + n, 0);
  const summary = say("lastHour", total, Math.max(...values));
  const titles = starts.map((at, minute) => `${moment(at, { timeStyle: "short" })}: ${values[minute]}`);
  byId("chart").replaceChildren(chart(values, summary, titles), element("p", { class: "hint" }, summary));
}
