/**
 * Reactions: `bar` is a row of emoji to press, `layer` lies over the picture and shows everybody's as they fly up.
 *
 * Sends `party:react {emoji}` and shows what `party` tells of `reaction`. `fly(emoji, name)` shows one (of a
 * recording). Who wants no motion sees them stand for a moment. `render()` says all in another language.
 */

import { button, element } from "../elements.js";
import { fill } from "../texts.js";
import { refusal } from "./refusals.js";

const OFFERED = ["❤️", "😂", "😮", "😢", "👏", "👍", "🔥", "🎉"];
/** Emoji in the air at once; what is more is not shown. */
const MOST_AT_ONCE = 30;
const FLIGHT_MS = 3200;
const STANDING_MS = 1800;
/** How far to the left and right of each other they start (parts of the layer's width). */
const SPREAD = 0.3;
const LONGEST = 16;

export class Reactions {
  bar = element("div", { class: "reaction-bar", role: "group", "data-say-label": "reactions" });
  layer = element("div", { class: "reaction-layer", "aria-hidden": "true" });
  #party;
  #connection;
  #complain;
  #stillness = matchMedia("(prefers-reduced-motion: reduce)");

  /** `complain(text)` says why the server refused one. */
  constructor({ party, connection, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#complain = complain;
    this.bar.append(...OFFERED.map((emoji) => button(emoji, () => this.#react(emoji), { class: "emoji" })));
    party.addEventListener("reaction", ({ detail }) => this.fly(detail.emoji, detail.userName));
    party.addEventListener("change", () => this.render());
    this.render();
  }

  fly(emoji, name = "") {
    const isShowable = typeof emoji === "string" && emoji.length <= LONGEST;
    if (!isShowable || this.layer.childElementCount >= MOST_AT_ONCE || document.visibilityState !== "visible") return;
    const flyer = element(
      "span",
      { class: "reaction" },
      element("span", { class: "reaction-emoji" }, emoji),
      element("span", { class: "reaction-name" }, name ?? ""),
    );
    flyer.style.left = `${Math.round((0.5 + (Math.random() - 0.5) * 2 * SPREAD) * 100)}%`;
    this.layer.append(flyer);
    const gone = () => flyer.remove();
    this.#flight(flyer).finished.then(gone, gone);
  }

  render() {
    fill(this.bar);
    for (const each of this.bar.children) each.disabled = this.#party.silencedBy !== null;
  }

  #flight(flyer) {
    if (this.#stillness.matches) {
      return flyer.animate([{ opacity: 1 }, { opacity: 1, offset: 0.8 }, { opacity: 0 }], STANDING_MS);
    }
    const rise = this.layer.clientHeight * 0.7;
    const sway = (Math.random() - 0.5) * 80;
    const frames = [
      { transform: "translate(-50%, 0) scale(0.5)", opacity: 0 },
      { transform: `translate(-50%, ${-rise * 0.12}px) scale(1.15)`, opacity: 1, offset: 0.12 },
      { transform: `translate(calc(-50% + ${sway}px), ${-rise * 0.7}px) scale(1)`, opacity: 1, offset: 0.7 },
      { transform: `translate(calc(-50% + ${-sway / 2}px), ${-rise}px) scale(1)`, opacity: 0 },
    ];
    return flyer.animate(frames, { duration: FLIGHT_MS, easing: "ease-out" });
  }

  async #react(emoji) {
    const problem = refusal(await this.#connection.ask("party:react", { emoji }));
    if (problem) this.#complain(problem);
  }
}
