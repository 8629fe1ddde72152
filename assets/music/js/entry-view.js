/** The entry: your name, a new room, or the code of one that exists. */

import { byId, setText } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { say } from "../common/texts.js";

const LONGEST_ROOM_ID = 64;

export class EntryView {
  #form = byId("entry-form");
  #name = byId("name");
  #roomId = byId("room-id");
  #create = byId("create");
  #isPrivate = byId("create-private");
  #password = byId("create-password");
  #join = byId("join");
  #invitation = byId("invitation");
  #invitedTo = null;

  /** `actions` has `create(name, {isPublic, password})`, `join(name, roomId)` and `complain(key)`. */
  constructor(actions) {
    this.#name.value = recall("name") ?? "";
    this.#roomId.maxLength = LONGEST_ROOM_ID;
    const create = () => actions.create(this.#takeName(), this.#secrets);
    this.#create.addEventListener("click", create);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const roomId = this.#roomId.value.trim();
      if (roomId) {
        actions.join(this.#takeName(), roomId);
      } else if (event.submitter === this.#join) {
        actions.complain("needCode");
        this.#roomId.focus();
      } else {
        create();
      }
    });
  }

  get name() {
    return this.#name.value.trim();
  }

  set name(name) {
    this.#name.value = name;
  }

  /** Makes joining `roomId` the obvious thing to do; null takes the invitation back. */
  invite(roomId) {
    this.#invitedTo = roomId;
    if (roomId !== null) this.#roomId.value = roomId;
    this.render(false);
  }

  render(isBusy) {
    this.#form.classList.toggle("is-invited", this.#invitedTo !== null);
    this.#invitation.hidden = this.#invitedTo === null;
    setText(this.#invitation, this.#invitedTo === null ? "" : say("invitedTo", this.#invitedTo));
    this.#create.disabled = isBusy;
    this.#join.disabled = isBusy;
  }

  get #secrets() {
    return { isPublic: !this.#isPrivate.checked, password: this.#password.value || undefined };
  }

  #takeName() {
    remember("name", this.name);
    return this.name;
  }
}
