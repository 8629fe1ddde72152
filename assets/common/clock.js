/**
 * The server's clock, estimated from pings as NTP does. No I/O; all times are milliseconds since the epoch.
 *
 * The page's own clock is `performance`, not `Date`: a step of the wall clock does not move it. It may stop while the
 * machine sleeps; a sample that contradicts the estimate therefore throws all older ones away.
 */

/** Samples kept: the first burst and about two minutes of single pings. */
const WINDOW = 32;
/** The estimate is the median of this many samples, those with the shortest round trips. */
const BEST = 5;
/** How far beyond its own bound a sample may lie before the page's clock must have jumped. */
const JUMP_MS = 30;

/** The page's own clock. */
export function pageTime() {
  return performance.timeOrigin + performance.now();
}

export class ServerClock {
  #now;
  #samples = [];
  #offset = 0;
  #roundTrip = null;

  constructor(now = pageTime) {
    this.#now = now;
  }

  /** False until the first pong. */
  get isSet() {
    return this.#samples.length > 0;
  }

  /** Server time minus page time. */
  get offsetMs() {
    return this.isSet ? this.#offset : null;
  }

  get roundTripMs() {
    return this.#roundTrip;
  }

  get pageNow() {
    return this.#now();
  }

  get serverNow() {
    return this.#now() + this.#offset;
  }

  /** Takes one answered ping: sent at `sentAt`, stamped `serverTime`, back at `receivedAt`. */
  addSample(sentAt, serverTime, receivedAt) {
    const roundTrip = Math.max(0, receivedAt - sentAt);
    const sample = { roundTrip, offset: serverTime - (sentAt + receivedAt) / 2 };

    if (this.isSet && this.#isContradictedBy(sample)) this.#samples = [];
    this.#samples.push(sample);
    if (this.#samples.length > WINDOW) this.#samples.shift();

    const best = [...this.#samples].sort((a, b) => a.roundTrip - b.roundTrip).slice(0, BEST);
    this.#offset = median(best.map((each) => each.offset));
    this.#roundTrip = best[0].roundTrip;
  }

  #isContradictedBy(sample) {
    const bound = (sample.roundTrip + this.#roundTrip) / 2 + JUMP_MS;
    return Math.abs(sample.offset - this.#offset) > bound;
  }
}

/** The middle value of a non-empty list of numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
