/** Asks for the password of a room that has one. */

import { byId, setText } from "../common/elements.js";
import { say } from "../common/texts.js";

export class PasswordDialog {
  #dialog = byId("password-dialog");
  #form = byId("password-form");
  #question = byId("password-question");
  #password = byId("password");
  #complaint = byId("password-complaint");
  #settle = null;

  constructor() {
    byId("password-cancel").addEventListener("click", () => this.#dialog.close());
    // The event comes with the next frame, when the dialog may be open again.
    this.#dialog.addEventListener("close", () => this.#dialog.open || this.#answer(null));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#password.value === "") return;
      this.#answer(this.#password.value);
      this.#dialog.close();
    });
  }

  /** Resolves to what the reader typed, or null if nothing; `isAgain` says that the last one was wrong. */
  ask(roomId, isAgain) {
    setText(this.#question, say("passwordQuestion", roomId));
    setText(this.#complaint, isAgain ? say("wrong_password") : "");
    this.#password.value = "";
    this.#dialog.showModal();
    this.#password.focus();
    return new Promise((resolve) => (this.#settle = resolve));
  }

  #answer(password) {
    this.#settle?.(password);
    this.#settle = null;
  }
}
