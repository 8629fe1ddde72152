/**
 * The control law that keeps one listener at the room's position. Pure; seconds throughout.
 *
 * An error is the audio's position minus the room's: positive means ahead. Far off, jump; a little off, play slightly
 * faster or slower with the pitch kept; close enough, leave the sound alone.
 */

import { median } from "./clock.js";

/** Beyond this, catching up by speed would take too long. */
export const SEEK_BEYOND = 1.0;
/** The same right after a jump of the room or a stall, when a gap in the sound is expected anyway. */
export const SEEK_BEYOND_WHEN_ROUGH = 0.12;
/** A correction starts beyond the first and ends within the second. */
const NUDGE_BEYOND = 0.009;
const NUDGE_UNTIL = 0.003;
const NUDGE_MOST = 0.06;
const NUDGE_LEAST = 0.008;
/** A nudge is strong enough to be through in about this long, if the limit allows. */
const NUDGE_OVER = 1.5;

/**
 * Decides what to do about `error`.
 *
 * `rate` is the speed at present, `isRough` whether small jumps are allowed.
 * Returns `{kind: "seek"}`, `{kind: "nudge", rate}` or `{kind: "none"}`, which means speed 1.
 */
export function correction(error, rate, isRough) {
  const distance = Math.abs(error);
  if (distance > (isRough ? SEEK_BEYOND_WHEN_ROUGH : SEEK_BEYOND)) return { kind: "seek" };

  const isNudging = rate !== 1;
  const isPast = isNudging && Math.sign(rate - 1) === Math.sign(error);
  if (distance <= (isNudging && !isPast ? NUDGE_UNTIL : NUDGE_BEYOND)) return { kind: "none" };

  const strength = Math.min(NUDGE_MOST, Math.max(NUDGE_LEAST, distance / NUDGE_OVER));
  return { kind: "nudge", rate: 1 - Math.sign(error) * strength };
}

/**
 * The median of the last few errors.
 *
 * Readings of the audio position jitter by some milliseconds. Older readings are carried forward by what the speed has
 * changed since, so that the median does not lag behind a correction.
 */
export class ErrorFilter {
  #depth;
  #readings = [];
  #readAt = null;

  constructor(depth = 5) {
    this.#depth = depth;
  }

  /** Takes a reading made at `now` seconds, `rate` having been in force since the one before; returns the median. */
  add(error, rate, now) {
    const carried = this.#readAt === null ? 0 : (rate - 1) * (now - this.#readAt);
    this.#readAt = now;
    this.#readings = [...this.#readings.map((each) => each + carried), error].slice(-this.#depth);
    return median(this.#readings);
  }

  clear() {
    this.#readings = [];
    this.#readAt = null;
  }
}

/** How long a jump takes until sound comes out, learned from where earlier jumps landed. */
export class LandingDelay {
  #most;
  #delay;

  constructor(atFirst = 0.05, most = 2) {
    this.#delay = atFirst;
    this.#most = most;
  }

  get expected() {
    return this.#delay;
  }

  /** Takes the error that was left after a jump made with the expected delay. */
  learn(error) {
    this.#delay = Math.min(this.#most, Math.max(0, this.#delay - 0.6 * error));
  }
}
