/** The entry: the key if there is none, then your name, a new room, the public ones, or the code of one that exists. */

import { byId, element, icon, keepingFocus, setText } from "../common/elements.js";
import { recall, remember } from "../common/memory.js";
import { languageTag, say } from "../common/texts.js";

export class EntryView {
  #keyForm = byId("key-form");
  #key = byId("key");
  #form = byId("entry-form");
  #name = byId("name");
  #roomId = byId("room-id");
  #joinPassword = byId("join-password");
  #passwordField = byId("join-password-field");
  #newRoomName = byId("new-room-name");
  #newPassword = byId("new-password");
  #isPublic = byId("is-public");
  #create = byId("create");
  #join = byId("join");
  #invitation = byId("invitation");
  #list = byId("public-list");
  #invitedTo = null;
  #wantsPassword = false;
  #rooms = null;
  #shown = null;
  #actions;

  /** `actions` has `create({userName, name, password, isPublic})`, `join({userName, roomId, password})`, `bringKey(key)` and `complain(key)`. */
  constructor(actions) {
    this.#actions = actions;
    this.#name.value = recall("name") ?? "";
    this.#keyForm.addEventListener("submit", (event) => {
      event.preventDefault();
      actions.bringKey(this.#key.value.trim());
      this.#key.value = "";
    });
    this.#create.addEventListener("click", () => this.#createRoom());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const isForNew = document.activeElement === this.#newRoomName || document.activeElement === this.#newPassword;
      if (isForNew && event.submitter !== this.#join) this.#createRoom();
      else this.#joinRoom(this.#roomId.value.trim());
    });
  }

  get name() {
    return this.#name.value.trim() || say("guest");
  }

  /** Makes joining `roomId` the obvious thing to do; null takes the invitation back. */
  invite(roomId, wantsPassword = false) {
    this.#invitedTo = roomId;
    this.#wantsPassword = wantsPassword;
    if (roomId !== null) this.#roomId.value = roomId;
    if (!wantsPassword) this.#joinPassword.value = "";
  }

  focusPassword() {
    this.#joinPassword.focus();
  }

  /** Takes the public rooms, null while they are not known. */
  takeRooms(rooms) {
    this.#rooms = Array.isArray(rooms) ? rooms : null;
  }

  /** `hasToken`: the server may let this page in; `hasKey`: into all rooms, and into new ones. */
  render({ hasToken, hasKey, isBusy }) {
    this.#keyForm.hidden = hasToken;
    this.#form.hidden = !hasToken;
    this.#form.classList.toggle("is-invited", this.#invitedTo !== null);
    this.#invitation.hidden = this.#invitedTo === null;
    setText(this.#invitation, this.#invitedTo === null ? "" : say("invitedTo", this.#invitedTo));
    this.#passwordField.hidden = !this.#wantsPassword;
    for (const id of ["entry-create", "entry-divider"]) byId(id).hidden = !hasKey;
    this.#newRoomName.placeholder = say("roomNamePlaceholder", this.#name.value.trim());
    this.#create.disabled = this.#join.disabled = isBusy;
    byId("public-rooms").hidden = !hasKey || this.#invitedTo !== null || this.#rooms === null;
    byId("public-empty").hidden = this.#rooms?.length > 0;
    this.#renderRooms();
  }

  #renderRooms() {
    const rooms = this.#rooms ?? [];
    const appearance = JSON.stringify([languageTag(), rooms.map((room) => [room.id, room.name, room.memberCount, room.password, room.ownerName])]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    keepingFocus(() => this.#list.replaceChildren(...rooms.map((room) => this.#row(room))));
  }

  #row(room) {
    const about = `${say("roomOf", room.ownerName || say("someone"))} · ${say("memberCount", room.memberCount)}`;
    const words = element(
      "div",
      { class: "grows" },
      element("p", { class: "name" }, room.name || room.id),
      element("p", { class: "hint" }, about),
    );
    const join = element("button", { type: "button", class: "outlined is-compact", "data-focus": room.id }, say("join"));
    join.setAttribute("aria-label", `${say("join")}: ${room.name || room.id}`);
    join.addEventListener("click", () => {
      if (!room.password) return this.#joinRoom(room.id);
      this.invite(room.id, true);
      this.#actions.complain("needPassword");
      this.focusPassword();
    });
    return element("li", {}, words, ...(room.password ? [icon("lock")] : []), join);
  }

  #createRoom() {
    this.#actions.create({
      userName: this.#takeName(),
      name: this.#newRoomName.value.trim() || say("roomNamePlaceholder", this.name),
      password: this.#newPassword.value,
      isPublic: this.#isPublic.checked,
    });
  }

  #joinRoom(roomId) {
    if (!roomId) {
      this.#actions.complain("needCode");
      this.#roomId.focus();
      return;
    }
    this.#actions.join({ userName: this.#takeName(), roomId: roomId.toUpperCase(), password: this.#joinPassword.value });
  }

  #takeName() {
    remember("name", this.#name.value.trim());
    return this.name;
  }
}
