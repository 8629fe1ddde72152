/**
 * The form that asks an operator for the key, in place of `#office`, and the key, if it is kept for as long as the tab lives.
 * Its texts are filled in by `speak`.
 */

import { byId, element, setText } from "./elements.js";
import { recallForTab, rememberForTab } from "./memory.js";
import { say } from "./texts.js";

export class SignIn {
  #field = element("input", { id: "key", type: "password", autocomplete: "current-password", required: true });
  #refusal = element("p", { id: "refusal", class: "complaint", role: "alert" });
  #form = element(
    "form",
    { id: "entrance", class: "card entrance", hidden: true },
    element("p", { class: "hint", "data-say": "entranceHint" }),
    element("label", { class: "field" }, element("span", { "data-say": "key" }), this.#field),
    this.#refusal,
    element("button", { class: "primary wide", "data-say": "signIn" }),
  );
  #office = byId("office");
  #signOut = byId("sign-out");
  #name;
  #key;

  /**
   * The key is remembered as `name`; null leaves that to the server. `signedIn` is called with the key when one was typed,
   * `signedOut` before one is asked for.
   */
  constructor(name, { signedIn, signedOut }) {
    this.#name = name;
    this.#key = name && recallForTab(name);
    this.#office.before(this.#form);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = this.#field.value;
      this.#keep(key);
      this.#field.value = "";
      signedIn(key);
    });
    this.#signOut.addEventListener("click", () => {
      signedOut();
      this.ask("");
    });
  }

  /** The key that was typed; null if none was, or the last one was refused. */
  get key() {
    return this.#key;
  }

  get isOpen() {
    return !this.#form.hidden;
  }

  /** Shows the page: the server takes the key, or wants none; `mayLeave` says whether there is anything to sign out of. */
  admit(mayLeave = this.#key !== null) {
    this.#form.hidden = true;
    this.#office.hidden = false;
    this.#signOut.hidden = !mayLeave;
  }

  /** Forgets the key and asks for another one; `reason` is what the server says, `isWrong` whether it refused a key. */
  ask(reason, isWrong = false) {
    this.#keep(null);
    this.#office.hidden = this.#signOut.hidden = true;
    this.#form.hidden = false;
    setText(this.#refusal, [isWrong && say("wrongKey"), reason].filter(Boolean).join(" "));
    this.#field.focus();
  }

  #keep(key) {
    if (this.#name === null) return;
    this.#key = key;
    rememberForTab(this.#name, key);
  }
}
