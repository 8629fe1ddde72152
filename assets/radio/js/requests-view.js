/** What listeners of the chosen station have asked for, and what they can ask for. */

import { readable } from "../common/durations.js";
import { button, byId, element, keepingFocus, setText } from "../common/elements.js";
import { isSayable, languageTag, say } from "../common/texts.js";
import { Refused, request, requestsOf, search, vote } from "./requests.js";

/** What is typed is looked for once nothing was typed for so long. */
const TYPING_PAUSE_MS = 250;
/** All pages hear of a change at the same moment, and ask within so long after it. */
const SPREAD_MS = 800;

export class RequestsView {
  #panel = byId("requests");
  #query = byId("request-query");
  #results = byId("request-results");
  #more = byId("request-more");
  #status;
  #station = null;
  #name = "";
  #version = null;
  #asked = null;
  #found = null;
  #shown = null;
  #typing = null;
  #asking = null;
  /** The found track that is to be focused, of those that were asked for last. */
  #focusOn = null;

  /** `status` says how it went. */
  constructor(status) {
    this.#status = status;
    this.#query.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#search(), TYPING_PAUSE_MS);
    });
    byId("request-form").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.#typing);
      this.#search();
    });
    this.#more.addEventListener("click", () => this.#search(this.#found?.tracks.length));
  }

  /** `station` is the chosen one. */
  render(station) {
    const isOn = station.requests !== null;
    this.#panel.hidden = !isOn;
    if (!isOn) return;
    if (station.route !== this.#station) this.#change(station.route);
    this.#name = station.is_named ? station.name : station.route;
    if (station.requests_version !== this.#version) {
      const isFirst = this.#version === null;
      this.#version = station.requests_version;
      clearTimeout(this.#asking);
      this.#asking = setTimeout(() => this.#learn(), isFirst ? 0 : Math.random() * SPREAD_MS);
    }
    this.#show();
  }

  #change(route) {
    this.#station = route;
    this.#version = null;
    this.#asked = null;
    this.#found = null;
    this.#query.value = "";
  }

  /** Asks what waits. */
  async #learn() {
    clearTimeout(this.#asking);
    const route = this.#station;
    try {
      const asked = await requestsOf(route);
      if (route === this.#station) this.#asked = asked;
    } catch {
      // The next change asks again.
    }
  }

  /** Looks for what is typed; with an offset, for more of it. */
  async #search(offset = 0) {
    const [route, q] = [this.#station, this.#query.value.trim()];
    if (!q) {
      this.#found = null;
      return;
    }
    const isStale = () => route !== this.#station || q !== this.#query.value.trim();
    try {
      const found = await search(route, q, offset);
      if (isStale()) return;
      const before = offset ? this.#found.tracks : [];
      this.#found = { total: found.total, tracks: [...before, ...found.tracks], at: Date.now() };
      if (offset) this.#focusOn = found.tracks[0]?.track;
    } catch (problem) {
      if (!isStale()) this.#complain(problem);
    }
  }

  /** Does something for a track, and says how it went. */
  async #act(action, said, title) {
    const route = this.#station;
    try {
      await action(route);
      this.#status.tell(said, title);
    } catch (problem) {
      this.#complain(problem);
    }
    if (route === this.#station) await this.#learn();
  }

  #complain(problem) {
    const key = `refused_${problem.reason}`;
    if (!(problem instanceof Refused)) this.#status.complain("reconnecting");
    else if (isSayable(key) && say(key)) this.#status.complain(key, readable(problem.wait));
    else this.#status.complain("told", problem.message);
  }

  #show() {
    const appearance = JSON.stringify([this.#station, this.#name, this.#asked, this.#found, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    setText(byId("requests-station"), this.#name);
    keepingFocus(() => {
      this.#showAsked();
      this.#showFound();
    });
    if (!this.#focusOn) return;
    this.#results.querySelector(`[data-focus="${CSS.escape(this.#focusOn)}"]`)?.focus();
    this.#focusOn = null;
  }

  /** What waits. */
  #showAsked() {
    const requests = this.#asked?.requests ?? [];
    const reason = this.#asked?.waits_for;
    byId("requests-note").hidden = !reason;
    setText(byId("requests-note"), reason ? say(`waits_${reason}`) : "");
    byId("no-requests").hidden = requests.length > 0 || !this.#asked;
    byId("requested").replaceChildren(...requests.map((each) => this.#askedItem(each)));
  }

  #askedItem({ id, title, artist, votes, is_next: isNext, is_voted: isVoted }) {
    const row = element("li", {}, what(title, artist), element("span", { class: "votes" }, say("votes", votes)));
    if (isNext) row.append(element("span", { class: "badge is-strong" }, say("isNext")));
    else row.append(this.#voteButton(id, title, isVoted, `vote ${id}`));
    return row;
  }

  /** One that was pressed can be focused all the same. */
  #voteButton(id, title, isVoted, focus) {
    const press = () => this.#act((route) => vote(route, id), "voted", title);
    const label = say(isVoted ? "votedFor" : "voteFor", title);
    return button(say(isVoted ? "hasVote" : "vote"), press, {
      class: "outlined is-compact",
      "aria-label": label,
      "aria-pressed": String(isVoted),
      "data-focus": focus,
    });
  }

  #showFound() {
    const { total = 0, tracks = [] } = this.#found ?? {};
    setText(byId("request-found"), this.#found ? say("found", total) : "");
    this.#results.replaceChildren(...tracks.map((track) => this.#foundItem(track)));
    this.#more.hidden = tracks.length >= total;
  }

  #foundItem({ track, title, artist, duration_seconds: length, wait_seconds: wait }) {
    const about = [artist, length && readable(length)].filter(Boolean).join(" · ");
    const row = element("li", {}, what(title, about));
    const asked = this.#asked?.requests.find((each) => each.track === track);
    if (asked?.is_next) row.append(element("span", { class: "badge is-strong" }, say("isNext")));
    else if (asked) row.append(this.#voteButton(asked.id, title, asked.is_voted, track));
    else if (wait > 0) row.append(element("span", { class: "votes" }, say("playedLately")));
    else row.append(this.#requestButton(track, title));
    return row;
  }

  #requestButton(track, title) {
    const press = () => this.#act((route) => request(route, track), "requested", title);
    return button(say("request"), press, {
      class: "outlined is-compact",
      "aria-label": say("requestTrack", title),
      "data-focus": track,
    });
  }
}

function what(title, about) {
  return element("span", { class: "what" }, element("strong", {}, title), element("span", { class: "soft" }, about));
}
