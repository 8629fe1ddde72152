/**
 * A small table of emoji: `element` is a group of buttons, hidden until `toggle`; `picked(emoji)` is called with each.
 * Arrow keys go from one to the next, Escape closes it and gives the focus back to `opener`.
 */

import { button, element } from "../elements.js";

const EMOJI = [..."😀😂🤣😊😍😘😎🤔🙄😴😢😭😡😱🤯🥳😇🤗🤫🫣🤡👻💀👽", ..."👍👎👏🙌🙏💪👋🤝🔥✨🎉🎵🍿🍕🍺💯"];
const COLUMNS = 8;

export class EmojiPicker {
  element = element("div", { class: "emoji-picker", role: "group", "data-say-label": "emoji", hidden: true });
  #opener;
  #buttons;

  constructor(opener, picked) {
    this.#opener = opener;
    this.#buttons = EMOJI.map((emoji, index) =>
      button(emoji, () => picked(emoji), { class: "emoji", tabindex: index ? "-1" : "0" }),
    );
    this.element.append(...this.#buttons);
    this.element.addEventListener("keydown", (event) => this.#steer(event));
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", () => this.toggle());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.element.contains(target) && !opener.contains(target)) this.close();
    });
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    this.#opener.setAttribute("aria-expanded", String(!this.element.hidden));
    if (!this.element.hidden) this.#focus(0);
  }

  close() {
    if (!this.element.hidden) this.toggle();
  }

  #steer(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS };
    if (event.key === "Escape") {
      this.close();
      this.#opener.focus();
    } else if (event.key in steps) {
      this.#focus(this.#buttons.indexOf(event.target) + steps[event.key]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #focus(index) {
    if (!this.#buttons[index]) return;
    for (const each of this.#buttons) each.tabIndex = -1;
    this.#buttons[index].tabIndex = 0;
    this.#buttons[index].focus();
  }
}
