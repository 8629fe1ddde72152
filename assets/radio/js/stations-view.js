/** Every station as a card: what it plays, how far it is, and who listens. */

import { readable } from "../common/durations.js";
import { button, byId, element, setText } from "../common/elements.js";
import { say } from "../common/texts.js";

export class StationsView {
  #place = byId("stations");
  #cards = new Map();
  #routes = "";
  #choose;

  /** `choose(route)` is called when a station was chosen. */
  constructor(choose) {
    this.#choose = choose;
  }

  /** `heard(stream)` is the track that is heard of a station and the seconds since its start. */
  render(streams, chosen, heard) {
    this.#makeCards(streams.map((stream) => stream.route));
    for (const stream of streams) this.#cards.get(stream.route).render(stream, stream === chosen, heard(stream));
  }

  #makeCards(routes) {
    if (routes.join("\n") === this.#routes) return;
    this.#routes = routes.join("\n");
    this.#cards = new Map(routes.map((route) => [route, new StationCard(route, () => this.#choose(route))]));
    this.#place.replaceChildren(...[...this.#cards.values()].map((card) => card.element));
  }
}

class StationCard {
  #badge = element("span", { class: "badge is-strong" });
  #count = element("span", { class: "count" });
  #title = element("span", { class: "title" });
  #artist = element("span", { class: "artist" });
  #remark = element("span", { class: "scan" });
  #played = element("i");
  #elapsed = element("span");
  #length = element("span");

  constructor(route, choose) {
    const head = element("span", { class: "route" }, element("span", {}, route), this.#badge, this.#count);
    this.element = button(head, choose, { class: "card station" });
    this.element.append(
      this.#title,
      this.#artist,
      this.#remark,
      element("span", { class: "bar", "aria-hidden": "true" }, this.#played),
      element("span", { class: "times", "aria-hidden": "true" }, this.#elapsed, this.#length),
    );
  }

  render({ source, listeners, scan, remark }, isChosen, { track, elapsed }) {
    const length = track.duration_seconds;
    this.element.setAttribute("aria-pressed", String(isChosen));
    this.#badge.hidden = source === "folder";
    setText(this.#badge, say(source) ?? "");
    setText(this.#count, say("listeners", listeners));
    setText(this.#title, track.title || say("silent"));
    setText(this.#artist, track.artist ?? "");
    setText(this.#remark, scan.is_running ? say("scanning", scan.files) : (remark ?? ""));
    setText(this.#elapsed, readable(elapsed));
    setText(this.#length, length ? readable(length) : "");
    this.#played.style.width = length ? `${Math.min(100, (elapsed / length) * 100)}%` : "0";
  }
}
