/** The rooms and the devices in them. */

import { button, byId, element, emptyNote, keepingFocus } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";

export class RoomsView {
  #choose;
  #shown = null;

  /** `choose(id)` is called when a device was chosen. */
  constructor(choose) {
    this.#choose = choose;
  }

  render({ rooms }) {
    const appearance = JSON.stringify([rooms, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    byId("room-names").replaceChildren(...rooms.map(({ room_id: id }) => element("option", { value: id })));
    const items = rooms.map((room) => this.#room(room));
    keepingFocus(() => byId("rooms").replaceChildren(...(items.length ? items : [emptyNote(say("nobody"))])));
  }

  #room({ room_id: id, total_clients: n, clients }) {
    const heading = element("h3", {}, id, " ", element("span", { class: "count" }, say("deviceCount", n)));
    const devices = clients.map((client) => element("li", {}, this.#device(client)));
    return element("div", { class: "room" }, heading, element("ul", { class: "devices" }, ...devices));
  }

  #device({ device_id: id, identity }) {
    const made = button(id, () => this.#choose(id), { class: "outlined is-compact", "data-focus": `device ${id}` });
    made.append(element("small", {}, identity));
    return made;
  }
}
