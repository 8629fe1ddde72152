/** The form that sends a message to a room or to one device. */

import { byId } from "../common/elements.js";

export class SendView {
  #form = byId("send");

  /** `ask` questions the server, `attempt` says what went wrong, `sent()` that the message is on its way. */
  constructor(ask, attempt, sent) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(async () => {
        await this.#send(ask);
        sent();
      });
    });
  }

  async #send(ask) {
    const { room, target, content } = Object.fromEntries(new FormData(this.#form));
    const body = { content: meant(content), ...(target && { target_device_id: target }) };
    await ask(`rooms/${encodeURIComponent(room)}/messages`, { method: "POST", body });
    this.#form.elements.content.value = "";
  }
}

/** An object if what was typed is one, else the text. */
function meant(typed) {
  if (!typed.trim().startsWith("{")) return typed;
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}
