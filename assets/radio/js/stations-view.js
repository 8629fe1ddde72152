/** Every station as a card: what it plays, how far it is, and who listens. */

import { readable } from "../common/durations.js";
import { button, byId, element, setText } from "../common/elements.js";
import { say } from "../common/texts.js";
import { showCover } from "./cover-view.js";
import { pageOf } from "./routes.js";
import { nameOf } from "./station-filter.js";
import { clockTime } from "./times.js";

export class StationsView {
  #place = byId("stations");
  #cards = new Map();
  #routes = "";
  #choose;

  /** `choose(route)` is called when a station was chosen. */
  constructor(choose) {
    this.#choose = choose;
  }

  /**
   * `heard(stream)` is the track that is heard of a station and the seconds since its start; `filter` says which are
   * shown. Returns how many are.
   */
  render(streams, chosen, heard, filter) {
    this.#makeCards(streams.map((stream) => stream.route));
    let n = 0;
    for (const stream of streams) {
      const { track, elapsed } = heard(stream);
      const card = this.#cards.get(stream.route);
      card.element.hidden = !filter.admits(stream, track);
      card.render(stream, stream === chosen, track, elapsed);
      if (!card.element.hidden) n += 1;
    }
    return n;
  }

  #makeCards(routes) {
    if (routes.join("\n") === this.#routes) return;
    this.#routes = routes.join("\n");
    this.#cards = new Map(routes.map((route) => [route, new StationCard(route, () => this.#choose(route))]));
    this.#place.replaceChildren(...[...this.#cards.values()].map((card) => card.element));
  }
}

class StationCard {
  #card;
  #page = element("a", { class: "to-page" });
  #badge = element("span", { class: "badge is-strong" });
  #count = element("span", { class: "count" });
  #name = element("span", { class: "name" });
  #description = element("span", { class: "about" });
  #facts = element("span", { class: "about" });
  #cover = element("img", { class: "cover", alt: "", width: 72, height: 72, loading: "lazy", hidden: true });
  #title = element("span", { class: "title" });
  #artist = element("span", { class: "artist" });
  #remark = element("span", { class: "scan" });
  #show = element("span", { class: "about" });
  #nextShow = element("span", { class: "about" });
  #played = element("i");
  #elapsed = element("span");
  #length = element("span");

  constructor(route, choose) {
    const head = element("span", { class: "route" }, element("span", {}, route), this.#badge, this.#count);
    const card = button(head, choose, { class: "card station" });
    card.append(
      this.#name,
      this.#description,
      this.#facts,
      element("span", { class: "plays" }, this.#cover, element("span", {}, this.#title, this.#artist)),
      this.#remark,
      element("span", { class: "bar", "aria-hidden": "true" }, this.#played),
      element("span", { class: "times", "aria-hidden": "true" }, this.#elapsed, this.#length),
      this.#show,
      this.#nextShow,
    );
    this.#card = card;
    this.element = element("div", { class: "station-place" }, card, this.#page);
    this.#page.href = pageOf(route);
  }

  render({ source, listeners, scan, remark, ...station }, isChosen, track, elapsed) {
    const length = track.duration_seconds;
    setText(this.#page, say("toPage"));
    this.#page.setAttribute("aria-label", say("pageOf", station.name));
    const spoken = station.language && nameOf(station.language);
    setText(this.#facts, [station.is_named && station.genre, spoken].filter(Boolean).join(" · "));
    showCover(this.#cover, track.cover);
    this.#card.setAttribute("aria-pressed", String(isChosen));
    this.#badge.hidden = source === "folder";
    setText(this.#badge, say(source) ?? "");
    setText(this.#count, say("listeners", listeners));
    setText(this.#name, station.is_named ? station.name : "");
    setText(this.#description, station.is_described ? station.description : "");
    const { show, next_show: next } = station;
    setText(this.#show, show ? say("show", show.name, clockTime(show.ends_at)) : "");
    setText(this.#nextShow, next ? say("nextShow", next.name, clockTime(next.starts_at)) : "");
    setText(this.#title, track.title || say("silent"));
    setText(this.#artist, track.artist ?? "");
    setText(this.#remark, scan.is_running ? say("scanning", scan.files) : (remark ?? ""));
    setText(this.#elapsed, readable(elapsed));
    setText(this.#length, length ? readable(length) : "");
    this.#played.style.width = length ? `${Math.min(100, (elapsed / length) * 100)}%` : "0";
  }
}
