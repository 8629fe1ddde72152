/** The one line that says what just happened, on the screen and to screen readers. */

import { byId, setText } from "./elements.js";
import { say } from "./texts.js";

const SHOWN_FOR_MS = 4500;

export class StatusView {
  #line = byId("status");
  #said = null;
  #fading = null;

  /** Says something that passes. */
  tell(key, ...values) {
    this.#show("news", key, values);
    this.#fading = setTimeout(() => this.#line.classList.add("is-stale"), SHOWN_FOR_MS);
  }

  /** Says something that holds until the next thing is said. */
  keep(key, ...values) {
    this.#show("news", key, values);
  }

  /** Says what went wrong, until the next thing is said. */
  complain(key, ...values) {
    this.#show("complaint", key, values);
  }

  clear() {
    clearTimeout(this.#fading);
    this.#said = null;
    setText(this.#line, "");
  }

  /** Says the same in the language of the moment. */
  render() {
    if (this.#said) setText(this.#line, say(this.#said.key, ...this.#said.values));
  }

  #show(tone, key, values) {
    clearTimeout(this.#fading);
    this.#said = { key, values };
    this.#line.dataset.tone = tone;
    this.#line.classList.remove("is-stale");
    this.render();
  }
}
