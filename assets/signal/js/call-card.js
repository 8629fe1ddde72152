/** One call as the page shows it: its states and path, the other camera, and a line to write on. */

import { button, element, setText } from "../common/elements.js";
import { say } from "../common/texts.js";

/** Of a path that is chosen, or changes, no event tells. */
const PATH_SHOWN_EVERY_MS = 1_000;
/** What the log calls that which goes over a data channel. */
const CHANNEL = "data channel";
const FIGURES = ["connectionState", "ice", "pair", "channel"];

export class CallCard {
  #log;
  #timer = 0;
  #names = Object.fromEntries(FIGURES.map((name) => [name, element("dt")]));
  #values = Object.fromEntries(FIGURES.map((name) => [name, element("dd", {}, "–")]));
  #hangUp;
  #video = element("video", { autoplay: true, playsinline: true, hidden: true });
  #input = element("input", { maxlength: 2000 });
  #send = element("button", { class: "primary" });
  #form = element("form", { hidden: true }, element("label", { class: "field" }, this.#input), this.#send);

  constructor(call, log, hangUp) {
    this.call = call;
    this.#log = log;
    this.#hangUp = button("", hangUp, { class: "outlined is-compact danger" });
    this.element = element(
      "article",
      { class: "peer" },
      element("header", { class: "card-top" }, element("h3", { class: "heading" }, String(call.otherId)), this.#hangUp),
      element("dl", {}, ...FIGURES.flatMap((name) => [this.#names[name], this.#values[name]])),
      this.#video,
      this.#form,
    );
    this.#form.addEventListener("submit", (event) => this.#say(event));
    call.addEventListener("change", () => this.#show());
    call.addEventListener("said", ({ detail: text }) => log.add("heard", { type: CHANNEL, from: call.otherId, text }));
    call.addEventListener("stream", ({ detail }) => {
      this.#video.srcObject = detail;
      this.#video.hidden = false;
    });
    this.render();
  }

  /** Says what is fixed in the language of the moment. */
  render() {
    for (const name of FIGURES) setText(this.#names[name], say(name));
    setText(this.#hangUp, say("hangUp"));
    setText(this.#send, say("send"));
    this.#input.placeholder = say("message");
    this.#input.setAttribute("aria-label", say("message"));
    this.#video.setAttribute("aria-label", say("videoOf", this.call.otherId));
  }

  close() {
    this.call.close();
    this.element.remove();
  }

  async #show() {
    const { connection, ice, channel } = this.call.states;
    setText(this.#values.connectionState, connection);
    setText(this.#values.ice, ice);
    setText(this.#values.channel, channel);
    this.#form.hidden = channel !== "open";
    setText(this.#values.pair, await this.call.path());
    clearTimeout(this.#timer);
    if (connection !== "closed") this.#timer = setTimeout(() => this.#show(), PATH_SHOWN_EVERY_MS);
  }

  #say(event) {
    event.preventDefault();
    this.call.say(this.#input.value);
    this.#log.add("sent", { type: CHANNEL, text: this.#input.value });
    this.#input.value = "";
  }
}
