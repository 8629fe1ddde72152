/**
 * Voices that the server relays, of clients without WebRTC: chunks of 16-bit PCM, little-endian, one channel, as a list
 * of bytes. Each member's are played one behind the other.
 */

/** Chunks come unevenly: the first one waits for so long, and one that would wait longer than the most is left out (seconds). */
const LEAD = 0.2;
const MOST_AHEAD = 1.5;
/** What browsers can play. */
const RATES = { from: 8_000, to: 96_000 };

export class RelayedVoices {
  #context = null;
  #voices = new Map();

  get ids() {
    return [...this.#voices.keys()];
  }

  has(id) {
    return this.#voices.has(id);
  }

  /** Plays a chunk; the track of the voice if it is its first, else null. */
  hear(id, bytes, sampleRate) {
    const samples = samplesOf(bytes);
    if (samples.length === 0 || !(sampleRate >= RATES.from && sampleRate <= RATES.to)) return null;
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {});
    const known = this.#voices.get(id);
    const voice = known ?? this.#begin(id);
    this.#play(voice, samples, sampleRate);
    return known ? null : voice.output.stream.getAudioTracks()[0];
  }

  setVolume(id, volume) {
    const voice = this.#voices.get(id);
    if (voice) voice.gain.gain.value = volume;
  }

  forget(id) {
    const voice = this.#voices.get(id);
    if (!voice) return;
    this.#voices.delete(id);
    voice.gain.disconnect();
  }

  /** Ends all of it. */
  stop() {
    for (const id of this.ids) this.forget(id);
    this.#context?.close();
    this.#context = null;
  }

  #begin(id) {
    const voice = { gain: this.#context.createGain(), output: this.#context.createMediaStreamDestination(), endsAt: 0 };
    voice.gain.connect(this.#context.destination);
    this.#voices.set(id, voice);
    return voice;
  }

  #play(voice, samples, sampleRate) {
    const now = this.#context.currentTime;
    if (voice.endsAt - now > MOST_AHEAD) return;
    const startsAt = voice.endsAt > now ? voice.endsAt : now + LEAD;
    const buffer = this.#context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(voice.gain);
    source.connect(voice.output);
    source.start(startsAt);
    voice.endsAt = startsAt + buffer.duration;
  }
}

function samplesOf(bytes) {
  if (!Array.isArray(bytes)) return new Float32Array();
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return Float32Array.from({ length: view.byteLength >> 1 }, (_, n) => view.getInt16(2 * n, true) / 32768);
}
