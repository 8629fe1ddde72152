/** The one line that says what just happened, on the screen and to screen readers; in front of the dialog that is open. */

import { byId, setText } from "./elements.js";
import { say } from "./texts.js";

const SHOWN_FOR_MS = 4500;

export class StatusView {
  #line = byId("status");
  #home = this.#line.parentElement;
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
    this.#comeToFront();
    this.#line.dataset.tone = tone;
    this.#line.classList.remove("is-stale");
    this.render();
  }

  /** All but the open dialog lies behind its backdrop, and is not read out. */
  #comeToFront() {
    const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
    const place = dialog ?? this.#home;
    if (this.#line.parentElement === place) return;
    place.append(this.#line);
    dialog?.addEventListener("close", () => this.#home.append(this.#line), { once: true });
  }
}
