/**
 * Recordings: `element` is a section in which the owner starts and stops recording, and has its recordings listed to
 * replay, save and delete; hidden for everybody else. `notice` is the line that tells everybody in the room that it is
 * recorded, or that a recording is replayed. Where a recording ended at a limit of the server, all are told so as it happens,
 * and its owner why, in the section too.
 *
 * The page calls `load()` when it shows the section. Sends `recording:start|stop` and `replay:start|stop`, and asks
 * `recordings` over HTTP with the key that this browser keeps. `render()` says all in another language.
 */

import { base } from "../base.js";
import { readable } from "../durations.js";
import { button, element, emptyNote, icon, keepingFocus, setText } from "../elements.js";
import { ask } from "../server.js";
import { fill, moment, say } from "../texts.js";
import { ownerKey } from "./owner-key.js";
import { confirmed } from "./question.js";
import { refusal } from "./refusals.js";

/** For how long a file that was saved is kept in memory (milliseconds). */
const SAVING_MS = 60_000;
/** A recording that was stopped is finished on each server a moment later: the list is asked for again, this often… */
const FINISHING_MS = 500;
/** … and so many times. */
const FINISHING_TIMES = 20;

export class Recordings {
  #party;
  #connection;
  #tell;
  #complain;
  #recordings = null;
  #isOn = false;
  #lastId = null;
  #loading = null;
  #withChat = element("input", { type: "checkbox" });
  #withChatLabel = element("label", { class: "check" }, this.#withChat, element("span", { "data-say": "recordChat" }));
  #record = button("", () => this.#startOrStop(), { class: "outlined" });
  #recordWords = element("span");
  #stopReplay = button("", () => this.#ask("replay:stop", {}), {
    class: "outlined is-compact",
    "data-say": "stopReplay",
  });
  #list = element("ul", { class: "rows" });
  #none = element("div");
  #whyStopped = element("p", { class: "complaint" });
  #noticeWords = element("span");
  notice = element("p", { class: "recording-notice", role: "status", hidden: true }, icon("record"), this.#noticeWords);
  element = element(
    "section",
    { class: "recordings", "data-say-label": "recordings" },
    element(
      "div",
      { class: "card-top" },
      element("h2", { class: "heading", "data-say": "recordings" }),
      this.#stopReplay,
    ),
    element("div", { class: "recording-start" }, this.#record, this.#withChatLabel),
    this.#whyStopped,
    element("p", { class: "hint", "data-say": "recordingHint" }),
    this.#none,
    this.#list,
  );

  constructor({ party, connection, tell = () => {}, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#tell = tell;
    this.#complain = complain;
    this.#record.append(icon("record"), this.#recordWords);
    party.addEventListener("change", () => this.#show());
    this.render();
  }

  /** Asks the server for this browser's recordings; again while one that was stopped is not finished there. */
  async load(nTimes = FINISHING_TIMES) {
    clearTimeout(this.#loading);
    if (!this.#party.isOwner) return;
    try {
      const { recordings } = await ask(new URL("recordings", base), { key: ownerKey() });
      this.#recordings = Array.isArray(recordings) ? recordings : [];
    } catch {
      // A server without a folder for recordings has none to list.
      this.#recordings = [];
    }
    this.#renderList();
    if (this.#isFinishing() && nTimes > 0) this.#loading = setTimeout(() => this.load(nTimes - 1), FINISHING_MS);
  }

  /** Whether the recording that ran last has ended, and is not yet in the list as one that has. */
  #isFinishing() {
    if (this.#lastId === null || this.#isOn) return false;
    const last = this.#recordings.find((each) => each.id === this.#lastId);
    return last === undefined || last.isRunning;
  }

  render() {
    fill(this.element);
    this.#show();
    this.#renderList();
  }

  #show() {
    const { room, isOwner } = this.#party;
    const recording = room?.recording ?? null;
    const replay = room?.replay ?? null;
    this.element.hidden = !isOwner;
    this.#stopReplay.hidden = replay === null;
    this.#withChatLabel.hidden = recording !== null;
    this.#record.classList.toggle("is-recording", recording !== null);
    setText(this.#recordWords, say(recording ? "stopRecording" : "startRecording"));
    const words = recording
      ? say(recording.withChat ? "isRecordedWithChat" : "isRecorded")
      : replay
        ? say("isReplayed")
        : "";
    setText(this.#noticeWords, words);
    this.notice.hidden = words === "";
    this.notice.classList.toggle("is-replay", recording === null);
    this.#showEnd(room?.recordingStopped, isOwner);
    const hasChanged = this.#isOn !== (recording !== null);
    this.#isOn = recording !== null;
    if (recording) this.#lastId = recording.id;
    if (hasChanged) this.load();
  }

  /** A recording has ended at a limit, or another has begun since. */
  #showEnd(limit, isOwner) {
    const why = limit ? say(limit === "too_long" ? "recordingTooLong" : "recordingNoSpace") : "";
    setText(this.#whyStopped, why);
    if (!limit || !this.#isOn) return;
    if (isOwner) this.#complain(why);
    else this.#tell("recordingStopped");
  }

  #renderList() {
    const recordings = this.#recordings ?? [];
    this.#none.replaceChildren(...(recordings.length ? [] : [emptyNote(say("noRecordings"))]));
    keepingFocus(() => this.#list.replaceChildren(...recordings.map((recording) => this.#item(recording))));
  }

  #item({ id, room, startedAt, seconds, bytes, withChat, isRunning }) {
    const details = [readable(seconds ?? 0), size(bytes ?? 0), room, withChat && say("withChat")]
      .filter(Boolean)
      .join(" · ");
    const words = element(
      "div",
      { class: "grows" },
      element("p", {}, moment(startedAt, { dateStyle: "medium", timeStyle: "short" })),
      element("p", { class: "hint" }, details),
    );
    const when = moment(startedAt);
    const act = (key, press, more = "") =>
      button(say(key), press, {
        class: `outlined is-compact${more}`,
        "aria-label": `${say(key)}: ${when}`,
        "data-focus": `${key}-${id}`,
      });
    const item = element("li", {}, words);
    if (isRunning) {
      item.append(element("span", { class: "badge is-waited-for" }, say("isRunning")));
      return item;
    }
    item.append(
      act("replay", () => this.#replay(id)),
      act("saveRecording", () => this.#save(id)),
      act("deleteRecording", () => this.#delete(id, when), " danger"),
    );
    return item;
  }

  #startOrStop() {
    if (this.#party.room?.recording) return this.#ask("recording:stop", {});
    return this.#ask("recording:start", { ownerKey: ownerKey(), withChat: this.#withChat.checked });
  }

  #replay(id) {
    return this.#ask("replay:start", { id, ownerKey: ownerKey() });
  }

  async #ask(event, data) {
    const problem = refusal(await this.#connection.ask(event, data));
    if (problem) this.#complain(problem);
  }

  async #save(id) {
    const response = await this.#fetch(id);
    if (!response?.ok) {
      this.#complain(say("refusal_no_such_recording"));
      return;
    }
    const address = URL.createObjectURL(await response.blob());
    element("a", { href: address, download: `${id}.jsonl` }).click();
    setTimeout(() => URL.revokeObjectURL(address), SAVING_MS);
  }

  async #delete(id, when) {
    if (!(await confirmed(say("askDelete", when), say("deleteRecording")))) return;
    const response = await this.#fetch(id, "DELETE");
    if (id === this.#lastId) this.#lastId = null;
    if (response?.ok) this.#tell("recordingDeleted");
    else this.#complain(say("refusal_no_such_recording"));
    this.load();
  }

  async #fetch(id, method = "GET") {
    const address = new URL(`recordings/${encodeURIComponent(id)}`, base);
    return fetch(address, { method, headers: { Authorization: `Bearer ${ownerKey()}` } }).catch(() => null);
  }
}

function size(bytes) {
  const thousands = bytes / 1000;
  return thousands < 1000 ? `${Math.max(1, Math.round(thousands))} kB` : `${(thousands / 1000).toFixed(1)} MB`;
}
