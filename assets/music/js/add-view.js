/** How tracks come into the queue: by an address, out of the server's own music, or from the reader's disk. */

import { byId, setText } from "../common/elements.js";
import { say } from "../common/texts.js";

export class AddView {
  #form = byId("add-form");
  #address = byId("track-url");
  #add = byId("add-track");
  #complaint = byId("track-url-complaint");
  #others = byId("other-sources");
  #library = byId("open-library");
  #upload = byId("upload");
  #file = byId("upload-file");

  /**
   * `actions` has `add(typed)`, which resolves to a complaint or null, `openLibrary()`, and `upload(file)`, which
   * resolves to a complaint or null too.
   */
  constructor(actions) {
    this.#form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const typed = this.#address.value;
      this.#complain(null);
      const complaint = await actions.add(typed);
      // What was typed meanwhile is not replaced.
      if (complaint && this.#address.value === "") this.#complain(complaint, typed);
    });
    this.#address.addEventListener("input", () => this.#complain(null, this.#address.value));
    this.#library.addEventListener("click", actions.openLibrary);
    this.#file.addEventListener("change", async () => {
      const [file] = this.#file.files;
      this.#file.value = "";
      if (file) this.#complain(await actions.upload(file), this.#address.value);
    });
  }

  /** `library` is what the server has: `{isThere, maxUploadBytes}`. */
  render({ room, isOpen, library }) {
    const mayAdd = room.may("queue") || (room.hasQueue && room.may("chat"));
    const canAdd = mayAdd && isOpen;
    this.#form.hidden = !mayAdd;
    this.#address.disabled = !canAdd;
    this.#add.disabled = !canAdd;
    setText(this.#add, say(room.may("queue") ? "addTrack" : "suggestTrack"));
    this.#library.hidden = !library.isThere;
    this.#library.disabled = !canAdd;
    this.#upload.hidden = library.maxUploadBytes === 0 || !room.may("queue");
    this.#file.disabled = !canAdd;
    this.#others.hidden = this.#library.hidden && this.#upload.hidden;
  }

  #complain(complaint, keptAddress = "") {
    this.#address.value = keptAddress;
    this.#address.setAttribute("aria-invalid", String(complaint !== null));
    this.#complaint.hidden = complaint === null;
    setText(this.#complaint, complaint ?? "");
  }
}
