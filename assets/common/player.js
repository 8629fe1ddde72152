/**
 * An audio or video element, kept at the room's playhead. Knows nothing of rooms, members or the network.
 *
 * Everything that it does follows from the playhead, the server's clock and the element's own position; `tick` compares
 * them and is safe to call at any time and at any rate.
 */

import { positionAt } from "./playhead.js";
import { ErrorFilter, LandingDelay, correction } from "./sync.js";

const TICK_MS = 200;
/** After a jump the position means nothing for this long. */
const SETTLING_MS = 450;
/** While paused, a position set and one read back may differ this much (seconds): sound is rounded to its samples. */
const ROUNDING = 0.004;
/** Jumps allowed after a disturbance, before speed alone has to close the gap. */
const ROUGH_JUMPS = 2;
/** Later jumps are at least this far apart: on a slow line every one of them costs sound. */
const JUMP_GAP_MS = 4000;
/** A jump of the room smaller than this (seconds) is left to the speed. */
const SMALL_JUMP = 0.1;
/** Seconds of play that must be loaded before a stall counts as over while the room waits. */
const LOADED_AHEAD = 1.5;
const RETRY_MS = 4000;
/** An address that has not said in this time whether it can be played may be tried. */
const TRIED_FOR_MS = 8000;
/** A track that stopped loading this often in a row is given up. */
const MAX_FAILURES = 3;

export class Player {
  #media;
  #clock;
  #sourceOf;
  #listener;
  #attach;
  #detach = null;
  #playhead = null;
  #source = null;
  #errors = new ErrorFilter();
  #errorSeconds = null;
  #near = new LandingDelay();
  #far = new LandingDelay();
  #landing = null;
  #settledAt = 0;
  #placedAt = null;
  #jumpsLeft = ROUGH_JUMPS;
  #jumpedAt = -Infinity;
  #wantsSound = false;
  #isStarting = false;
  #isBlocked = false;
  #isStalled = false;
  #trouble = null;
  #failures = 0;
  #retry = null;

  /**
   * `sourceOf(track)` is the address of a track, or null; `listener` has `changed()`, called when anything shown may
   * have changed, and `playedOut()`, called again and again while the room plays on past the end of its track.
   * `attach(media, source, fail)` has the element load an address and gives what undoes that; it calls `fail` with a
   * trouble that the element itself does not report.
   */
  constructor(media, clock, sourceOf, listener, attach = attachAddress) {
    this.#media = media;
    this.#clock = clock;
    this.#sourceOf = sourceOf;
    this.#listener = listener;
    this.#attach = attach;
    media.preservesPitch = true;
    media.addEventListener("error", () => media.error && this.#source && this.#fail(troubleFrom(media.error, this.#source)));
    media.addEventListener("pause", () => this.#isPausedFromOutside && this.#yieldToPause());
    media.addEventListener("ended", () => (this.#wantsSound = false));
    media.addEventListener("waiting", () => this.#stall(true));
    media.addEventListener("playing", () => {
      this.#failures = 0;
      this.#stall(false);
    });
    media.addEventListener("timeupdate", () => this.tick());
    media.addEventListener("loadedmetadata", () => this.tick());
    media.addEventListener("durationchange", () => listener.changed());
    setInterval(() => this.tick(), TICK_MS);
  }

  /** Seconds into what is heard. */
  get position() {
    return this.#media.currentTime;
  }

  /** Seconds into the track where the room is, never past the end; null without a playhead. */
  get targetPosition() {
    if (!this.#playhead) return null;
    const target = positionAt(this.#playhead, this.#clock.serverNow);
    return this.duration === null ? target : Math.min(target, this.duration);
  }

  /** Seconds, or null while unknown and for a stream without an end; what grows while it plays is as long as it is said to be. */
  get duration() {
    if (this.#source && this.#playhead?.length > 0) return this.#playhead.length;
    const { duration } = this.#media;
    return this.#source && Number.isFinite(duration) && duration > 0 ? duration : null;
  }

  get isLive() {
    return this.#media.duration === Infinity && this.duration === null;
  }

  /** Own position minus room position in seconds, smoothed; null while nothing is heard. */
  get errorSeconds() {
    return this.#errorSeconds;
  }

  get isSounding() {
    return this.#wantsSound && !this.#media.paused && !this.#isStalled && this.#media.readyState >= 3;
  }

  /** True when the room plays and only a tap of the listener can start the sound. */
  get isBlocked() {
    return this.#isBlocked;
  }

  get isWaiting() {
    return this.#wantsSound && !this.#isBlocked && !this.#trouble && !this.#hasPlayedOut && !this.isSounding;
  }

  /** What is wrong with the media: null or `{kind, status}`. */
  get trouble() {
    return this.#trouble;
  }

  /** True when trying again is not going to help. */
  get isHopeless() {
    return this.#trouble !== null && (this.#trouble.kind !== "network" || this.#failures >= MAX_FAILURES);
  }

  get hasPlayedOut() {
    return this.#hasPlayedOut;
  }

  /** True when enough is loaded to play on from where the element is, whether it plays or not. */
  get isLoaded() {
    const { readyState, seeking, currentTime } = this.#media;
    if (seeking || readyState < 3) return false;
    const ahead = LOADED_AHEAD * this.#speed;
    const end = this.duration === null ? Infinity : this.duration - 0.1;
    return readyState === 4 || this.#isBuffered(currentTime, Math.min(ahead, end - currentTime));
  }

  set volume(volume) {
    this.#media.volume = volume;
    this.#media.muted = volume === 0;
  }

  /** Takes the playhead that the server sent, null outside a room; returns whether it is another place than before. */
  follow(playhead) {
    const hasJumped = this.#jumpTo(playhead) > SMALL_JUMP;
    this.#playhead = playhead;

    const source = this.#sourceOf(playhead?.track);
    const isOtherSource = source !== this.#source;
    if (isOtherSource) {
      this.#failures = 0;
      this.#load(source);
    } else if (hasJumped) {
      this.resync();
    }
    this.tick();
    return isOtherSource || hasJumped;
  }

  /** Forgets what was measured, after sleep, a stall or a jump of the clock: small jumps are allowed again. */
  resync() {
    this.#errors.clear();
    this.#errorSeconds = null;
    this.#jumpsLeft = ROUGH_JUMPS;
  }

  /** Starts the sound; to be called from a tap or a key press. */
  listen() {
    this.#isBlocked = false;
    this.resync();
    if (this.#playhead?.isPlaying) this.#start();
    this.#listener.changed();
  }

  /** Loads the same address again. */
  reload() {
    const source = this.#source;
    this.#source = null;
    this.#load(source);
    this.tick();
  }

  tick() {
    if (!this.#playhead || !this.#source || this.#trouble || !this.#clock.isSet) return;
    if (this.#playhead.isPlaying) this.#tickPlaying();
    else this.#tickPaused();
  }

  #tickPaused() {
    this.#wantsSound = false;
    this.#errorSeconds = null;
    this.#isBlocked = false;
    if (!this.#media.paused) this.#media.pause();
    this.#setRate(this.#speed);
    if (this.#media.readyState < 1 || this.#media.seeking || this.isLive) return;
    const target = this.targetPosition;
    const distance = Math.abs(this.#media.currentTime - target);
    if (distance <= (this.#placedAt === target ? ROUNDING : 0)) return;
    this.#placedAt = target;
    this.#media.currentTime = target;
  }

  #tickPlaying() {
    this.#placedAt = null;
    if (this.#hasPlayedOut) {
      this.#errorSeconds = null;
      this.#listener.playedOut();
      return;
    }
    if (this.#isBlocked || this.#isStarting) return;
    if (this.#media.paused) {
      if (this.#isPausedFromOutside) this.#yieldToPause();
      else this.#start();
      return;
    }
    const isReady = this.#media.readyState >= 3 && !this.#media.seeking && !this.isLive;
    if (isReady && performance.now() >= this.#settledAt) this.#steer();
  }

  #steer() {
    const target = positionAt(this.#playhead, this.#clock.serverNow);
    const reading = this.#media.currentTime - target;
    const speed = this.#speed;
    const error = this.#errors.add(reading, 1 + this.#media.playbackRate - speed, performance.now() / 1000);
    this.#errorSeconds = error;

    this.#landing?.learn(error);
    this.#landing = null;

    const action = correction(error, this.#media.playbackRate / speed, this.#jumpsLeft > 0);
    if (action.kind === "seek") {
      if (this.#jumpsLeft === 0 && performance.now() - this.#jumpedAt < JUMP_GAP_MS) return;
      this.#jumpsLeft = Math.max(0, this.#jumpsLeft - 1);
      this.#jump();
    } else if (action.kind === "nudge") {
      this.#setRate(action.rate * speed);
    } else {
      this.#setRate(speed);
      this.#jumpsLeft = 0;
    }
  }

  #start() {
    if (this.#media.readyState >= 1 && !this.isLive) this.#jump();
    this.#wantsSound = true;
    this.#isStarting = true;
    const source = this.#source;
    this.#media.play().then(
      () => this.#noteStart(),
      (refusal) => this.#noteRefusal(refusal, source),
    );
  }

  #noteStart() {
    this.#isStarting = false;
    this.#settle();
    this.#listener.changed();
  }

  #noteRefusal(refusal, source) {
    this.#isStarting = false;
    if (refusal.name === "NotAllowedError" && source === this.#source) {
      this.#isBlocked = true;
      this.#wantsSound = false;
    }
    this.#listener.changed();
  }

  #jump() {
    const target = positionAt(this.#playhead, this.#clock.serverNow);
    this.#jumpedAt = performance.now();
    this.#landing = this.#isBuffered(target) ? this.#near : this.#far;
    const aim = target + this.#landing.expected;
    this.#media.currentTime = this.duration === null ? aim : Math.min(aim, this.duration);
    this.#setRate(this.#speed);
    this.#settle();
  }

  #settle() {
    this.#errors.clear();
    this.#settledAt = performance.now() + SETTLING_MS;
  }

  #setRate(rate) {
    if (Math.abs(this.#media.playbackRate - rate) > 0.0005) this.#media.playbackRate = rate;
  }

  /** The room's speed. */
  get #speed() {
    return this.#playhead?.speed ?? 1;
  }

  #isBuffered(position, seconds = 0.5) {
    const { buffered } = this.#media;
    for (let each = 0; each < buffered.length; each += 1) {
      if (buffered.start(each) <= position && position + seconds <= buffered.end(each)) return true;
    }
    return false;
  }

  /** How far (seconds) `playhead` is from where the last one would be now; infinite if it starts or stops. */
  #jumpTo(playhead) {
    if (!this.#playhead || !playhead || this.#playhead.isPlaying !== playhead.isPlaying) return Infinity;
    const now = this.#clock.serverNow;
    return Math.abs(positionAt(playhead, now) - positionAt(this.#playhead, now));
  }

  #load(source) {
    clearTimeout(this.#retry);
    this.#source = source;
    this.#trouble = null;
    this.#isStalled = false;
    this.#isStarting = false;
    this.#wantsSound = false;
    this.#landing = null;
    this.#placedAt = null;
    this.resync();
    this.#detach?.();
    this.#detach = null;
    if (!source) {
      this.#isBlocked = false;
      this.#media.removeAttribute("src");
      this.#media.load();
    } else {
      this.#detach = this.#attach(this.#media, source, (trouble) => this.#source === source && this.#fail(trouble));
    }
    this.#listener.changed();
  }

  #fail(trouble) {
    this.#trouble = trouble;
    this.#failures += 1;
    this.#errorSeconds = null;
    this.#wantsSound = false;
    clearTimeout(this.#retry);
    if (trouble.kind === "network") this.#retry = setTimeout(() => this.reload(), RETRY_MS);
    this.#listener.changed();
  }

  /** True for a pause that the page did not ask for: a media key, unplugged headphones, a phone call. */
  get #isPausedFromOutside() {
    return this.#wantsSound && !this.#isStarting && this.#media.paused && !this.#media.ended;
  }

  /** Such a pause stands until the listener taps. */
  #yieldToPause() {
    this.#wantsSound = false;
    this.#isBlocked = true;
    this.#errorSeconds = null;
    this.#listener.changed();
  }

  #stall(isStalled) {
    if (!isStalled && this.#isBlocked && this.#playhead?.isPlaying) {
      this.#isBlocked = false;
      this.#wantsSound = true;
      this.resync();
    }
    const isOverByItself = this.#isStalled && !isStalled && this.#landing === null;
    if (isOverByItself) this.resync();
    this.#isStalled = isStalled;
    if (isStalled) this.#errorSeconds = null;
    else this.#settle();
    this.#listener.changed();
  }

  get #hasPlayedOut() {
    if (this.duration === null || !this.#playhead?.isPlaying || !this.#clock.isSet) return false;
    return positionAt(this.#playhead, this.#clock.serverNow) >= this.duration;
  }
}

/** The plain way of loading an address. */
function attachAddress(media, source) {
  media.src = source;
  media.load();
  return () => {};
}

/**
 * What would keep a browser from playing an address in an element of that kind: null, also when that takes long to say,
 * or `{kind, status}`.
 */
export function troubleWith(source, kind = "audio") {
  const media = document.createElement(kind);
  media.preload = "metadata";
  return new Promise((resolve) => {
    const conclude = (trouble) => {
      clearTimeout(timer);
      resolve(trouble);
      media.removeAttribute("src");
      media.load();
    };
    const timer = setTimeout(() => conclude(null), TRIED_FOR_MS);
    media.addEventListener("loadedmetadata", () => conclude(null), { once: true });
    media.addEventListener("error", () => media.error && conclude(troubleFrom(media.error, source)), { once: true });
    media.src = source;
  });
}

function troubleFrom(failure, source) {
  if (location.protocol === "https:" && source.startsWith("http:")) return { kind: "insecure", status: null };
  const status = Number(/\b([45]\d\d)\b/.exec(failure.message ?? "")?.[1]) || null;
  switch (failure.code) {
    case MediaError.MEDIA_ERR_NETWORK:
      return { kind: "network", status };
    case MediaError.MEDIA_ERR_DECODE:
      return { kind: "decode", status };
    default:
      return { kind: status ? "refused" : "unusable", status };
  }
}
