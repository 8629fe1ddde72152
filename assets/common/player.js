/**
 * The audio element, kept at the room's playhead. Knows nothing of rooms, members or the network.
 *
 * Everything that it does follows from the playhead, the server's clock and the audio's own position; `tick` compares
 * them and is safe to call at any time and at any rate.
 */

import { positionAt } from "./playhead.js";
import { ErrorFilter, LandingDelay, correction } from "./sync.js";

const TICK_MS = 200;
/** After a jump the audio position means nothing for this long. */
const SETTLING_MS = 450;
/** While paused, a position set and one read back may differ this much (seconds): the audio rounds to its samples. */
const ROUNDING = 0.004;
/** Jumps allowed after a disturbance, before speed alone has to close the gap. */
const ROUGH_JUMPS = 2;
/** Later jumps are at least this far apart: on a slow line every one of them costs sound. */
const JUMP_GAP_MS = 4000;
/** A jump of the room smaller than this (seconds) is left to the speed. */
const SMALL_JUMP = 0.1;
const RETRY_MS = 4000;
/** An address that has not said in this time whether it is audio may be queued. */
const TRIED_FOR_MS = 8000;
/** A track that stopped loading this often in a row is given up. */
const MAX_FAILURES = 3;

export class Player {
  #audio;
  #clock;
  #sourceOf;
  #listener;
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
   * `sourceOf(track)` is the address of a track, or null; `listener` has `changed()`, called when anything shown may have changed, and `playedOut()`, called again and again
   * while the room plays on past the end of its track.
   */
  constructor(audio, clock, sourceOf, listener) {
    this.#audio = audio;
    this.#clock = clock;
    this.#sourceOf = sourceOf;
    this.#listener = listener;
    audio.preservesPitch = true;
    audio.addEventListener("error", () => this.#fail());
    audio.addEventListener("pause", () => this.#isPausedFromOutside && this.#yieldToPause());
    audio.addEventListener("ended", () => (this.#wantsSound = false));
    audio.addEventListener("waiting", () => this.#stall(true));
    audio.addEventListener("playing", () => {
      this.#failures = 0;
      this.#stall(false);
    });
    audio.addEventListener("timeupdate", () => this.tick());
    audio.addEventListener("loadedmetadata", () => this.tick());
    audio.addEventListener("durationchange", () => listener.changed());
    setInterval(() => this.tick(), TICK_MS);
  }

  /** Seconds into the audio that is heard. */
  get position() {
    return this.#audio.currentTime;
  }

  /** Seconds into the track where the room is, never past the end; null without a playhead. */
  get targetPosition() {
    if (!this.#playhead) return null;
    const target = positionAt(this.#playhead, this.#clock.serverNow);
    return this.duration === null ? target : Math.min(target, this.duration);
  }

  /** Seconds, or null while unknown and for a stream without an end. */
  get duration() {
    const { duration } = this.#audio;
    return this.#source && Number.isFinite(duration) && duration > 0 ? duration : null;
  }

  get isLive() {
    return this.#audio.duration === Infinity;
  }

  /** Audio position minus room position in seconds, smoothed; null while nothing is heard. */
  get errorSeconds() {
    return this.#errorSeconds;
  }

  get isSounding() {
    return this.#wantsSound && !this.#audio.paused && !this.#isStalled && this.#audio.readyState >= 3;
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

  set volume(volume) {
    this.#audio.volume = volume;
    this.#audio.muted = volume === 0;
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
    if (!this.#audio.paused) this.#audio.pause();
    this.#setRate(1);
    if (this.#audio.readyState < 1 || this.#audio.seeking || this.isLive) return;
    const target = this.targetPosition;
    const distance = Math.abs(this.#audio.currentTime - target);
    if (distance <= (this.#placedAt === target ? ROUNDING : 0)) return;
    this.#placedAt = target;
    this.#audio.currentTime = target;
  }

  #tickPlaying() {
    this.#placedAt = null;
    if (this.#hasPlayedOut) {
      this.#errorSeconds = null;
      this.#listener.playedOut();
      return;
    }
    if (this.#isBlocked || this.#isStarting) return;
    if (this.#audio.paused) {
      if (this.#isPausedFromOutside) this.#yieldToPause();
      else this.#start();
      return;
    }
    const isReady = this.#audio.readyState >= 3 && !this.#audio.seeking && !this.isLive;
    if (isReady && performance.now() >= this.#settledAt) this.#steer();
  }

  #steer() {
    const target = positionAt(this.#playhead, this.#clock.serverNow);
    const reading = this.#audio.currentTime - target;
    const error = this.#errors.add(reading, this.#audio.playbackRate, performance.now() / 1000);
    this.#errorSeconds = error;

    this.#landing?.learn(error);
    this.#landing = null;

    const action = correction(error, this.#audio.playbackRate, this.#jumpsLeft > 0);
    if (action.kind === "seek") {
      if (this.#jumpsLeft === 0 && performance.now() - this.#jumpedAt < JUMP_GAP_MS) return;
      this.#jumpsLeft = Math.max(0, this.#jumpsLeft - 1);
      this.#jump();
    } else if (action.kind === "nudge") {
      this.#setRate(action.rate);
    } else {
      this.#setRate(1);
      this.#jumpsLeft = 0;
    }
  }

  #start() {
    if (this.#audio.readyState >= 1 && !this.isLive) this.#jump();
    this.#wantsSound = true;
    this.#isStarting = true;
    const source = this.#source;
    this.#audio.play().then(
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
    this.#audio.currentTime = this.duration === null ? aim : Math.min(aim, this.duration);
    this.#setRate(1);
    this.#settle();
  }

  #settle() {
    this.#errors.clear();
    this.#settledAt = performance.now() + SETTLING_MS;
  }

  #setRate(rate) {
    if (Math.abs(this.#audio.playbackRate - rate) > 0.0005) this.#audio.playbackRate = rate;
  }

  #isBuffered(position) {
    const { buffered } = this.#audio;
    for (let each = 0; each < buffered.length; each += 1) {
      if (buffered.start(each) <= position && position + 0.5 <= buffered.end(each)) return true;
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
    if (!source) {
      this.#isBlocked = false;
      this.#audio.removeAttribute("src");
      this.#audio.load();
    } else {
      this.#audio.src = source;
      this.#audio.load();
    }
    this.#listener.changed();
  }

  #fail() {
    const failure = this.#audio.error;
    if (!failure || !this.#source) return;
    this.#trouble = troubleFrom(failure, this.#source);
    this.#failures += 1;
    this.#errorSeconds = null;
    this.#wantsSound = false;
    if (this.#trouble.kind === "network") this.#retry = setTimeout(() => this.reload(), RETRY_MS);
    this.#listener.changed();
  }

  /** True for a pause that the page did not ask for: a media key, unplugged headphones, a phone call. */
  get #isPausedFromOutside() {
    return this.#wantsSound && !this.#isStarting && this.#audio.paused && !this.#audio.ended;
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

/** What would keep a browser from playing an address: null, also when that takes long to say, or `{kind, status}`. */
export function troubleWith(source) {
  const audio = new Audio();
  audio.preload = "metadata";
  return new Promise((resolve) => {
    const conclude = (trouble) => {
      clearTimeout(timer);
      resolve(trouble);
      audio.removeAttribute("src");
      audio.load();
    };
    const timer = setTimeout(() => conclude(null), TRIED_FOR_MS);
    audio.addEventListener("loadedmetadata", () => conclude(null), { once: true });
    audio.addEventListener("error", () => audio.error && conclude(troubleFrom(audio.error, source)), { once: true });
    audio.src = source;
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
