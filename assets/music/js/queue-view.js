/** The queue, and for the host the means to change it. */

import { byId, element, icon, setText } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";
import { bylineOf, titleOf } from "./track.js";

export class QueueView {
  #list = byId("queue");
  #empty = byId("queue-empty");
  #form = byId("add-form");
  #address = byId("track-url");
  #add = byId("add-track");
  #complaint = byId("track-url-complaint");
  #actions;
  #shown = null;

  /** `actions` has `add(typed)`, which resolves to a complaint or null, `playNow(i)`, `move(i, distance)`, `remove(i)`. */
  constructor(actions) {
    this.#actions = actions;
    this.#form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const typed = this.#address.value;
      this.#complain(null);
      const complaint = await actions.add(typed);
      // What was typed meanwhile is not replaced.
      if (complaint && this.#address.value === "") this.#complain(complaint, typed);
    });
    this.#address.addEventListener("input", () => this.#complain(null, this.#address.value));
  }

  render({ room, isOpen }) {
    const canEdit = room.isHost && isOpen;
    this.#form.hidden = !room.isHost;
    this.#address.disabled = !canEdit;
    this.#add.disabled = !canEdit;
    this.#empty.hidden = room.queue.length > 0;
    setText(this.#empty, say(room.isHost ? "queueEmptyHost" : "queueEmptyMember"));

    const appearance = JSON.stringify([room.queue, room.isHost, canEdit, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    const focus = focusWithin(this.#list);
    const items = room.queue.map((track, index) => this.#item(track, index, room, canEdit));
    this.#list.replaceChildren(...items);
    restoreFocus(this.#list, focus);
  }

  #item(track, index, room, canEdit) {
    const title = titleOf(track) ?? say("untitled");
    const byline = bylineOf(track);
    const words = element("div", { class: "queue-words" }, element("span", { class: "queue-title" }, title));
    if (byline) words.append(element("span", { class: "queue-byline" }, byline));

    const item = element("li", { class: "queue-item" }, words);
    if (!room.isHost) return item;
    const last = room.queue.length - 1;
    const button = (action, iconName, label, isEnabled, act) => {
      const made = element(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": label,
          title: label,
          disabled: !canEdit || !isEnabled,
          "data-action": action,
          "data-track": track.id ?? index,
        },
        icon(iconName),
      );
      made.addEventListener("click", act);
      return made;
    };
    item.append(
      element(
        "div",
        { class: "queue-buttons" },
        button("play", "play", say("playNow", title), true, () => this.#actions.playNow(index)),
        button("up", "up", say("moveUp", title), index > 0, () => this.#actions.move(index, -1)),
        button("down", "down", say("moveDown", title), index < last, () => this.#actions.move(index, 1)),
        button("remove", "remove", say("remove", title), true, () => this.#actions.remove(index)),
      ),
    );
    return item;
  }

  #complain(complaint, keptAddress = "") {
    this.#address.value = keptAddress;
    this.#address.setAttribute("aria-invalid", String(complaint !== null));
    this.#complaint.hidden = complaint === null;
    setText(this.#complaint, complaint ?? "");
  }
}

/** Which button has the focus, and where, so that it survives a redrawing. */
function focusWithin(list) {
  const focused = document.activeElement;
  if (!list.contains(focused)) return null;
  const index = [...list.children].indexOf(focused.closest("li"));
  return { action: focused.dataset.action, track: focused.dataset.track, index };
}

function restoreFocus(list, focus) {
  if (!focus) return;
  const buttons = [...list.querySelectorAll("button")];
  const isSame = (button) => button.dataset.track === focus.track && !button.disabled;
  const sameButton = buttons.find((button) => isSame(button) && button.dataset.action === focus.action);
  const neighbour = list.children[Math.min(focus.index, list.children.length - 1)];
  const found = sameButton ?? buttons.find(isSame) ?? neighbour?.querySelector("button") ?? byId("track-url");
  found.focus();
}
