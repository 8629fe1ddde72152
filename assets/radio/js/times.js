/** Moments as clocks say them. */

import { moment } from "../common/texts.js";

const DAY_SECONDS = 24 * 60 * 60;

/** A moment in seconds: with the day of the week unless it is today, or else with its date. */
export function clockTime(seconds) {
  const date = new Date(seconds * 1000);
  const time = { hour: "2-digit", minute: "2-digit" };
  if (date.toDateString() === new Date().toDateString()) return moment(seconds * 1000, time);
  const isSoon = seconds - Date.now() / 1000 < 6 * DAY_SECONDS;
  return moment(seconds * 1000, isSoon ? { weekday: "short", ...time } : { day: "numeric", month: "short", ...time });
}
