/** Says when this page's picture has stopped for want of data, and when it can go on; a short stutter is no stop. */

/** A picture that stands for less than this is a seek or a stutter. */
const STUCK_AFTER_MS = 700;

export class Readiness {
  #report;
  #stuckSince = null;
  #isReported = false;

  /** `report(isBuffering)` tells the room; it returns false if that was not possible. */
  constructor(report) {
    this.#report = report;
  }

  /** To be called often; `isStuck`: the picture should move and does not; `isLoaded`: it could. */
  note({ isStuck, isLoaded }, now = performance.now()) {
    this.#stuckSince = isStuck ? (this.#stuckSince ?? now) : null;
    if (!this.#isReported && isStuck && now - this.#stuckSince >= STUCK_AFTER_MS) this.#say(true);
    else if (this.#isReported && !isStuck && isLoaded) this.#say(false);
  }

  /** A new connection, room or film knows nothing of what was said. */
  reset() {
    this.#stuckSince = null;
    this.#isReported = false;
  }

  #say(isBuffering) {
    if (this.#report(isBuffering)) this.#isReported = isBuffering;
  }
}
