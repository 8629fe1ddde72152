/**
 * Keeps the server's clock measured: a burst of pings when asked for, one every few seconds after that.
 * Also the first to notice that a connection is dead although the browser still calls it open.
 */

const BURST = 8;
const BURST_GAP_MS = 70;
const STEADY_GAP_MS = 5000;
/** A connection on which no ping has been answered for this long is dead. */
const SILENCE_MS = 10_000;
/** A wall clock that moves this far against the page's clock was set, or the machine slept. */
const STEP_MS = 500;

export class ClockKeeper {
  #clock;
  #sendPing;
  #onSilence;
  #unansweredSince = null;
  #hasEverHeard = false;
  #lastPingAt = -Infinity;
  #wallMinusPage = null;
  #burst = null;

  /** `sendPing(clientTime)` returns false while there is no connection; `onSilence()` is told of a dead one. */
  constructor(clock, sendPing, onSilence) {
    this.#clock = clock;
    this.#sendPing = sendPing;
    this.#onSilence = onSilence;
    setInterval(() => this.#check(), 1000);
  }

  /** Measures afresh, quickly. */
  measure() {
    clearInterval(this.#burst);
    let left = BURST - 1;
    this.#ping();
    this.#burst = setInterval(() => {
      this.#ping();
      left -= 1;
      if (left <= 0) clearInterval(this.#burst);
    }, BURST_GAP_MS);
  }

  /** A new connection owes no answers. */
  reset() {
    this.#unansweredSince = null;
  }

  hear({ clientTime, serverTime }) {
    if (!Number.isFinite(clientTime) || !Number.isFinite(serverTime)) return;
    this.#hasEverHeard = true;
    this.#unansweredSince = null;
    this.#clock.addSample(clientTime, serverTime, this.#clock.pageNow);
  }

  #check() {
    const now = this.#clock.pageNow;
    const wallMinusPage = Date.now() - now;
    if (this.#wallMinusPage !== null && Math.abs(wallMinusPage - this.#wallMinusPage) > STEP_MS) this.measure();
    this.#wallMinusPage = wallMinusPage;

    if (this.#hasEverHeard && this.#unansweredSince !== null && now - this.#unansweredSince > SILENCE_MS) {
      this.#unansweredSince = null;
      this.#onSilence();
      return;
    }
    if (now - this.#lastPingAt >= STEADY_GAP_MS) this.#ping();
  }

  #ping() {
    const now = this.#clock.pageNow;
    if (!this.#sendPing(now)) return;
    this.#lastPingAt = now;
    this.#unansweredSince ??= now;
  }
}
