/**
 * The recording that the room replays: fetched by ticket when `party:room` names one, and shown at its moments through
 * the chat, the danmaku and the reactions.
 *
 * `new Replay({party, chat, danmaku, reactions, started})`: `started(states)` is called once it is there, with what was
 * on the screen, one after the other, so that a page that may choose can put the first one on. The page calls
 * `follow(state, position)` a few times a second: what is on the screen, and where it is.
 */

import { base } from "../base.js";

/** A step of the position beyond this (seconds) is a seek: what lies between is passed over. */
const LONGEST_STEP = 2;
/** Lines of a recording that are read; what follows is not shown. */
const MOST_LINES = 200_000;

export class Replay {
  #party;
  #chat;
  #danmaku;
  #reactions;
  #started;
  #id = null;
  #said = [];
  #last = { key: null, position: null };

  constructor({ party, chat, danmaku = null, reactions, started = () => {} }) {
    this.#party = party;
    this.#chat = chat;
    this.#danmaku = danmaku;
    this.#reactions = reactions;
    this.#started = started;
    party.addEventListener("change", () => this.#take(party.room?.replay?.id ?? null));
  }

  get isRunning() {
    return this.#said.length > 0;
  }

  follow(state, position) {
    const key = filmOf(state);
    const last = this.#last;
    this.#last = { key, position };
    const step = key !== last.key || last.position === null ? 0 : position - last.position;
    if (step <= 0 || step > LONGEST_STEP) return;
    for (const said of this.#said) {
      if (said.key === key && said.position > last.position && said.position <= position) this.#show(said);
    }
  }

  async #take(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.#said = [];
    this.#chat.endReplay();
    if (id === null) return;
    const address = new URL(`recordings/${encodeURIComponent(id)}`, base);
    address.searchParams.set("ticket", this.#party.you?.ticket ?? "");
    const text = await fetch(address).then(
      (response) => (response.ok ? response.text() : ""),
      () => "",
    );
    if (id !== this.#id) return;
    const { said, states } = readRecording(text);
    this.#said = said;
    if (text) this.#started(states);
  }

  #show({ kind, line }) {
    if (kind === "chat") {
      this.#chat.showReplayed(line);
      this.#danmaku?.run(line.content);
    } else {
      this.#reactions.fly(line.emoji, line.by);
    }
  }
}

/** What was said in a recording, with the film and the second of it, and what was on the screen. */
export function readRecording(text) {
  const said = [];
  const states = [];
  let key = null;
  for (const row of text.split("\n", MOST_LINES)) {
    const line = parsed(row);
    if (line?.kind === "screen") {
      key = filmOf(line.state);
      if (line.state && !states.some((state) => filmOf(state) === key)) states.push(line.state);
    } else if ((line?.kind === "chat" || line?.kind === "reaction") && Number.isFinite(line.position)) {
      said.push({ key, kind: line.kind, position: line.position, line: { ...line, by: nameOf(line.by) } });
    }
  }
  return { said, states };
}

function parsed(row) {
  try {
    return JSON.parse(row);
  } catch {
    return null;
  }
}

function nameOf(by) {
  return typeof by === "string" ? by : (by?.name ?? "");
}

/** What tells one film or track from another. */
function filmOf(state) {
  return state?.url || state?.song?.url || state?.channelUrl || state?.videoId || state?.id || null;
}
