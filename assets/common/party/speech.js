/** Who speaks: the loudness of streams, measured some times a second. `heard(id, isSpeaking)` is called when it changes. */

const MEASURED_EVERY_MS = 120;
/** The root mean square from which on it is speech, and how long it lasts after the last of it (milliseconds). */
const THRESHOLD = 0.015;
const LINGER_MS = 500;
const WINDOW = 1024;

export class Speech {
  #heard;
  #context = null;
  #sources = new Map();
  #timer = 0;
  #samples = new Float32Array(WINDOW);

  constructor(heard) {
    this.#heard = heard;
  }

  /** Measures `track` as `id`'s, in place of what was before. */
  follow(id, track) {
    this.forget(id);
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {});
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = WINDOW;
    source.connect(analyser);
    this.#sources.set(id, { source, analyser, loudAt: -Infinity, isSpeaking: false });
    if (!this.#timer) this.#timer = setInterval(() => this.#measure(), MEASURED_EVERY_MS);
  }

  isSpeaking(id) {
    return this.#sources.get(id)?.isSpeaking ?? false;
  }

  forget(id) {
    const followed = this.#sources.get(id);
    if (!followed) return;
    followed.source.disconnect();
    this.#sources.delete(id);
    if (followed.isSpeaking) this.#heard(id, false);
  }

  /** Ends all of it. */
  stop() {
    for (const id of [...this.#sources.keys()]) this.forget(id);
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#context?.close();
    this.#context = null;
  }

  #measure() {
    const now = performance.now();
    for (const [id, followed] of this.#sources) {
      followed.analyser.getFloatTimeDomainData(this.#samples);
      let sum = 0;
      for (const sample of this.#samples) sum += sample * sample;
      if (Math.sqrt(sum / WINDOW) > THRESHOLD) followed.loudAt = now;
      const isSpeaking = now - followed.loudAt < LINGER_MS;
      if (isSpeaking === followed.isSpeaking) continue;
      followed.isSpeaking = isSpeaking;
      this.#heard(id, isSpeaking);
    }
  }
}
