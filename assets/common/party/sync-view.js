/** Whether this page is in sync with its room, and how its clock differs from the server's. */

import { byId, setText } from "../elements.js";
import { say } from "../texts.js";

export class SyncView {
  #sync = byId("sync");
  #text = byId("sync-text");
  #offset = byId("offset");

  /** `state` is the name of a text, or `none`; the clock is shown if `hasClock`. */
  render(state, errorSeconds, clock, hasClock) {
    this.#sync.dataset.state = state;
    const error = errorSeconds === null ? "" : ` · ${say("error", signed(errorSeconds * 1000))}`;
    const isMeasured = state === "inSync" || state === "catchingUp";
    setText(this.#text, state === "none" ? "" : say(state) + (isMeasured ? error : ""));
    setText(this.#offset, hasClock ? say("offset", signed(clock.offsetMs), Math.round(clock.roundTripMs)) : "");
  }
}

/** A whole number with a proper sign: +12, −3, 0. */
function signed(number) {
  const whole = Math.round(number);
  if (whole === 0) return "0";
  return whole > 0 ? `+${whole}` : `−${-whole}`;
}
