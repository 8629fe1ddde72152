/** Who is in the room, where the server knows no roles, and your own name. */

import { byId, element, setText } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";

export class MembersView {
  #list = byId("members");
  #more = byId("more-members");
  #form = byId("rename-form");
  #name = byId("new-name");
  #shown = null;

  /** `rename(name)` is called when you have typed another name. */
  constructor(rename) {
    const commit = () => rename(this.#name.value.trim());
    this.#name.addEventListener("change", commit);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#name.blur();
    });
  }

  render({ room, name }) {
    if (document.activeElement !== this.#name) this.#name.value = name;
    this.#list.hidden = room.standing !== null;
    if (this.#list.hidden) {
      this.#more.hidden = true;
      this.#shown = null;
      return;
    }
    const appearance = JSON.stringify([room.members, room.nMembers, room.hostId, room.you, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;

    this.#list.replaceChildren(...room.members.map((member) => memberItem(member, room)));
    const nHidden = room.nMembers - room.members.length;
    this.#more.hidden = nHidden <= 0;
    setText(this.#more, nHidden > 0 ? say("moreMembers", nHidden) : "");
  }
}

function memberItem(member, room) {
  const name = member.name || say("guest");
  const item = element(
    "li",
    { class: "member" },
    element("span", { class: "initial", "aria-hidden": "true" }, [...name][0].toUpperCase()),
    element("span", { class: "member-name" }, name),
  );
  if (member.id === room.you) item.append(element("span", { class: "badge" }, say("you")));
  if (member.id === room.hostId) item.append(element("span", { class: "badge is-strong" }, say("host")));
  return item;
}
