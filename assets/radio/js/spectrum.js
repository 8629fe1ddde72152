/** The spectrum of what sounds, drawn while it sounds. */

const N_BARS = 64;
const BINS_A_BAR = 4;
/** Below this level (decibels) nothing sounds. */
const SILENCE = -90;

/** Sound that goes through an analyser falls silent on WebKit: when a phone is locked, and for streams in any case. */
const canAnalyse = !/AppleWebKit/.test(navigator.userAgent) || /Chrome\/|Chromium\//.test(navigator.userAgent);

export class Spectrum {
  #canvas;
  #analyser = null;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Has the sound of `audio` drawn from the first click on. */
  listenTo(audio) {
    if (this.#analyser) {
      this.#analyser.context.resume();
      return;
    }
    if (!canAnalyse || !window.AudioContext) {
      this.#canvas.hidden = true;
      return;
    }
    const context = new AudioContext();
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    context.createMediaElementSource(audio).connect(this.#analyser).connect(context.destination);
    this.#draw(new Uint8Array(this.#analyser.frequencyBinCount));
  }

  /** The loudest pitch in hertz; 0 if nothing sounds. */
  get pitch() {
    if (!this.#analyser) return 0;
    const { frequencyBinCount, context, fftSize } = this.#analyser;
    const levels = new Float32Array(frequencyBinCount);
    this.#analyser.getFloatFrequencyData(levels);
    const loudest = levels.reduce((best, level, n) => (level > levels[best] ? n : best), 0);
    return levels[loudest] > SILENCE ? (loudest * context.sampleRate) / fftSize : 0;
  }

  #draw(levels) {
    const { width, height } = this.#canvas;
    const pen = this.#canvas.getContext("2d");
    const step = width / N_BARS;
    this.#analyser.getByteFrequencyData(levels);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(this.#canvas).color;
    for (let bar = 0; bar < N_BARS; bar += 1) {
      const level = (levels[bar * BINS_A_BAR] / 255) * height;
      pen.fillRect(bar * step, height - level, step - 2, level);
    }
    requestAnimationFrame(() => this.#draw(levels));
  }
}
