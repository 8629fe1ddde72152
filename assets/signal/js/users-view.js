/** Who is in the room, and the ways to call each of them. */

import { button, byId, element, emptyNote, keepingFocus } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";

export class UsersView {
  #list = byId("users");
  #actions;
  #shown = null;

  /** `actions` has `openChannel(user)` and `showCamera(user)`. */
  constructor(actions) {
    this.#actions = actions;
  }

  render(users, own) {
    const appearance = JSON.stringify([users, own, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    const items = users.map((user) => this.#item(String(user), user === own));
    if (items.length === 0) items.push(element("li", {}, emptyNote(say("nobody"))));
    keepingFocus(() => this.#list.replaceChildren(...items));
  }

  #item(user, isOwn) {
    const initial = element("span", { class: "initial", "aria-hidden": "true" }, [...user][0]?.toUpperCase() ?? "?");
    const item = element("li", {}, initial, element("span", { class: "name" }, user));
    if (isOwn) item.append(element("span", { class: "badge" }, say("you")));
    else item.append(element("div", { class: "user-buttons" }, ...this.#ways(user)));
    return item;
  }

  #ways(user) {
    const way = (text, call) => {
      const attributes = { "aria-label": say(`${text}To`, user), "data-focus": `${text} ${user}` };
      return button(say(text), () => call(user), { class: "outlined is-compact", ...attributes });
    };
    return [way("data", this.#actions.openChannel), way("camera", this.#actions.showCamera)];
  }
}
