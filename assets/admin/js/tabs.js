/** Panels behind tabs, one at a time: `#tab-NAME` shows `#panel-NAME`. */

import { byId } from "../common/elements.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Tabs {
  #names;
  #chosen;
  #shown;

  /** `shown` is called when the reader has chosen another panel. */
  constructor(names, shown) {
    this.#names = names;
    this.#shown = shown;
    for (const name of names) {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => this.#choose(name));
      tab.addEventListener("keydown", (event) => this.#step(event));
    }
    this.#show(names[0]);
  }

  get chosen() {
    return this.#chosen;
  }

  /** Offers a panel or takes it away. */
  offer(name, isOffered) {
    byId(`tab-${name}`).hidden = !isOffered;
    if (!isOffered && this.#chosen === name) this.#show(this.#names[0]);
  }

  #choose(name) {
    this.#show(name);
    this.#shown();
  }

  #show(name) {
    this.#chosen = name;
    for (const each of this.#names) {
      const isChosen = each === name;
      byId(`panel-${each}`).hidden = !isChosen;
      byId(`tab-${each}`).setAttribute("aria-selected", String(isChosen));
      byId(`tab-${each}`).tabIndex = isChosen ? 0 : -1;
    }
  }

  #step(event) {
    const offered = this.#names.filter((name) => !byId(`tab-${name}`).hidden);
    const to = offered[offered.indexOf(this.#chosen) + (STEPS[event.key] ?? NaN)];
    if (!to) return;
    event.preventDefault();
    this.#choose(to);
    byId(`tab-${to}`).focus();
  }
}
