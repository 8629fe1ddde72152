/**
 * The chat: `element` is a section with what was said, who types, and a line to write on.
 *
 * `new Chat({party, connection, event, unread})`: `event` is what is sent (`chat:message`, in `music` `party:chat`),
 * `unread(n)` is called when the number of messages that nobody has looked at changes. `isOnView` is set by the page: whether the section can be seen. `render()` says all in another language.
 * Sends that and `party:typing`, asks for `chat:history` when the page enters a room, and shows what `party`
 * tells of `chat` and `typing`. `showReplayed(message)` adds a message of a recording, `endReplay()` takes them away.
 */

import { readable } from "../durations.js";
import { button, element, icon, setText } from "../elements.js";
import { fill, moment, say } from "../texts.js";
import { EmojiPicker } from "./emoji-picker.js";
import { refusal } from "./refusals.js";

/** Messages kept on the page; older ones are dropped. */
const KEPT = 500;
const MOST_CHARACTERS = 2000;
/** Messages of one member within this time are shown under one name (milliseconds). */
const TOGETHER_MS = 180_000;
/** Who types is said to do so for this long, and says so itself a little more often. */
const TYPING_SHOWN_MS = 4000;
const TYPING_TOLD_EVERY_MS = 3000;
const TYPISTS_NAMED = 2;
/** Who is this close to the end of the log (pixels) follows it. */
const AT_END_PX = 60;
const ONLY_EMOJI = /^[\p{Extended_Pictographic}\p{Emoji_Component}\s]{1,16}$/u;
const DIGITS = /[\d#*]/;

export class Chat {
  #party;
  #connection;
  #event;
  #unread;
  #isOnView = true;
  #nUnread = 0;
  #items = new Map();
  #last = null;
  #typists = new Map();
  #nOwn = 0;
  #toldTypingAt = -Infinity;
  #silentUntil = 0;
  #silentTimer = 0;

  #log = element("ol", { class: "chat-log", role: "log", tabindex: "0", "data-say-label": "chatLog" });
  #empty = element("p", { class: "empty", "data-say": "chatEmpty" });
  #typing = element("p", { class: "chat-typing hint" });
  #complaint = element("p", { class: "complaint", role: "alert" });
  #hint = element("p", { class: "hint" });
  #input = element("input", {
    type: "text",
    maxlength: MOST_CHARACTERS,
    autocomplete: "off",
    enterkeyhint: "send",
    "data-say-label": "chatMessage",
  });
  #smile = element("button", { type: "button", class: "quiet", "data-say-label": "emoji" }, icon("smile"));
  #send = element("button", { class: "primary chat-send", "data-say-label": "sendMessage" }, icon("send"));
  #newer = button("", () => this.#toEnd(), {
    class: "outlined is-compact chat-newer",
    "data-say": "newMessages",
    hidden: true,
  });
  #picker = new EmojiPicker(this.#smile, (emoji) => this.#insert(emoji));
  #form = element("form", { class: "chat-form" }, this.#smile, this.#input, this.#send, this.#picker.element);
  element = element(
    "section",
    { class: "chat", "data-say-label": "chat" },
    element("h2", { class: "heading", "data-say": "chat" }),
    element("div", { class: "chat-frame" }, this.#empty, this.#log, this.#newer),
    this.#typing,
    this.#form,
    this.#complaint,
    this.#hint,
  );

  constructor({ party, connection, event = "chat:message", unread = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#event = event;
    this.#unread = unread;
    party.addEventListener("enter", () => this.#begin());
    party.addEventListener("change", () => this.#renderForm());
    party.addEventListener("chat", ({ detail }) => this.#hear(detail));
    party.addEventListener("typing", ({ detail }) => this.#noteTyping(detail));
    this.#form.addEventListener("submit", (event) => this.#say(event));
    this.#input.addEventListener("input", () => this.#tellTyping());
    this.#log.addEventListener("scroll", () => this.#isFollowing && this.#noteSeen(), { passive: true });
    document.addEventListener("visibilitychange", () => this.#noteSeen());
    this.render();
  }

  /** Whether the section can be seen where the page has it. */
  get isOnView() {
    return this.#isOnView;
  }

  set isOnView(isOnView) {
    this.#isOnView = isOnView;
    if (isOnView && this.#nUnread > 0) this.#toEnd();
  }

  /** Puts the cursor where one writes. */
  focus() {
    this.#input.focus();
  }

  /** Shows a message of a recording, `{by, content, type, position}`. */
  showReplayed({ by, content, type, position }) {
    this.#add({ userName: by, content, type, position, isReplayed: true });
  }

  endReplay() {
    for (const item of this.#log.querySelectorAll(".is-replayed")) item.remove();
    this.#last = null;
    this.#renderEmpty();
  }

  render() {
    fill(this.element);
    for (const time of this.#log.querySelectorAll("[data-at]")) setText(time, timeOfDay(Number(time.dataset.at)));
    this.#renderTyping();
    this.#renderForm();
  }

  async #begin() {
    this.#silentUntil = 0;
    const history = await this.#connection.ask("chat:history", {});
    const live = [...this.#items.values()].map(({ message }) => message);
    this.#items.clear();
    this.#log.replaceChildren();
    this.#last = null;
    // What was said before is there to be read, not to be announced.
    this.#log.setAttribute("aria-live", "off");
    for (const message of Array.isArray(history) ? history : []) this.#add(message);
    for (const message of live) this.#add(message);
    this.#renderEmpty();
    this.#toEnd();
    this.#count(0);
    requestAnimationFrame(() => this.#log.removeAttribute("aria-live"));
  }

  #hear(message) {
    this.#typists.delete(message.userId);
    this.#renderTyping();
    if (message.userId === this.#party.you?.id) this.#nOwn += 1;
    this.#add(message);
  }

  #add(message) {
    if (typeof message.content !== "string" || this.#items.has(message.id)) return;
    const isFollowing = this.#isFollowing;
    const item = this.#itemOf(message);
    this.#log.append(item);
    if (message.id !== undefined) this.#items.set(message.id, { message, item });
    while (this.#log.childElementCount > KEPT) this.#dropOldest();
    this.#renderEmpty();
    const isOwn = message.userId === this.#party.you?.id;
    if (isFollowing || isOwn) this.#log.scrollTop = this.#log.scrollHeight;
    if (!isOwn && (!isFollowing || !this.#isSeen)) this.#count(this.#nUnread + 1);
  }

  #itemOf(message) {
    const { userId, userName, content, timestamp, position, type, isReplayed } = message;
    const last = this.#last;
    const isSame = last && last.userId === userId && last.userName === userName && !last.isReplayed === !isReplayed;
    const isTogether = isSame && (isReplayed || timestamp - last.timestamp < TOGETHER_MS);
    this.#last = message;
    const isOwn = !isReplayed && userId === this.#party.you?.id;
    const isLarge = type === "emoji" || (ONLY_EMOJI.test(content) && !DIGITS.test(content));
    const words = element("p", { class: isLarge ? "chat-words is-large" : "chat-words" }, content);
    const classes = ["chat-item", isOwn && "is-own", isTogether && "is-together", isReplayed && "is-replayed"];
    const item = element("li", { class: classes.filter(Boolean).join(" ") });
    const where = Number.isFinite(position) ? readable(position) : "";
    const head = element(
      "p",
      { class: "chat-head" },
      element("span", { class: "chat-name" }, userName || say("someone")),
    );
    if (isReplayed) head.append(element("span", { class: "badge" }, say("fromRecording")));
    if (isReplayed) head.append(element("span", { class: "chat-when" }, where));
    else if (Number.isFinite(timestamp)) head.append(element("span", { class: "chat-when", "data-at": timestamp }, timeOfDay(timestamp)));
    item.append(head, words);
    if (where) item.title = say("saidAt", where);
    return item;
  }

  #dropOldest() {
    const oldest = this.#log.firstElementChild;
    for (const [id, { item }] of this.#items) {
      if (item === oldest) this.#items.delete(id);
      break;
    }
    oldest.remove();
  }

  // Who has seen what

  get #isFollowing() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < AT_END_PX;
  }

  get #isSeen() {
    return this.#isOnView && document.visibilityState === "visible";
  }

  #noteSeen() {
    if (this.#isSeen && this.#isFollowing) this.#count(0);
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    if (this.#isSeen) this.#count(0);
  }

  #count(n) {
    this.#newer.hidden = n === 0 || this.#isFollowing;
    if (n === this.#nUnread) return;
    this.#nUnread = n;
    this.#unread(n);
  }

  // Writing

  async #say(event) {
    event.preventDefault();
    const content = this.#input.value.trim();
    if (!content || this.#party.silencedBy || this.#silentUntil > performance.now()) return;
    this.#picker.close();
    this.#input.value = "";
    this.#toldTypingAt = -Infinity;
    const type = ONLY_EMOJI.test(content) && !DIGITS.test(content) ? "emoji" : "text";
    const nOwn = this.#nOwn;
    const answer = await this.#connection.ask(this.#event, { content, type });
    // The server says it to all, this page too, before it acknowledges it.
    const isLost = this.#nOwn === nOwn;
    const problem = refusal(answer) ?? (isLost ? say("refusal_too_many") : null);
    setText(this.#complaint, problem ?? "");
    if (problem && !this.#input.value) this.#input.value = content;
    if (answer?.code === "slow_mode") this.#keepSilent(answer.retryAfter ?? 1);
    else if (!problem && !this.#party.may("kick")) this.#keepSilent(this.#party.room?.slowMode ?? 0);
  }

  /** In slow mode nothing is sent for so many seconds. */
  #keepSilent(seconds) {
    this.#silentUntil = performance.now() + seconds * 1000;
    clearInterval(this.#silentTimer);
    this.#silentTimer = setInterval(() => this.#renderForm(), 500);
    this.#renderForm();
  }

  #insert(emoji) {
    const { selectionStart, selectionEnd } = this.#input;
    if (this.#input.disabled || this.#input.value.length + emoji.length > MOST_CHARACTERS) return;
    this.#input.setRangeText(emoji, selectionStart, selectionEnd, "end");
    this.#tellTyping();
  }

  #tellTyping() {
    if (!this.#input.value || this.#party.silencedBy) return;
    if (performance.now() - this.#toldTypingAt < TYPING_TOLD_EVERY_MS) return;
    this.#toldTypingAt = performance.now();
    this.#connection.send("party:typing", {});
  }

  #noteTyping({ userId, userName }) {
    if (userId === this.#party.you?.id) return;
    clearTimeout(this.#typists.get(userId)?.timer);
    const timer = setTimeout(() => {
      this.#typists.delete(userId);
      this.#renderTyping();
    }, TYPING_SHOWN_MS);
    this.#typists.set(userId, { userName, timer });
    this.#renderTyping();
  }

  #renderTyping() {
    const names = [...this.#typists.values()].map(({ userName }) => userName || say("someone"));
    setText(
      this.#typing,
      names.length ? say("typing", names.slice(0, TYPISTS_NAMED), names.length > TYPISTS_NAMED) : "",
    );
  }

  #renderEmpty() {
    this.#empty.hidden = this.#log.childElementCount > 0;
  }

  #renderForm() {
    const waitSeconds = Math.ceil((this.#silentUntil - performance.now()) / 1000);
    if (waitSeconds <= 0) clearInterval(this.#silentTimer);
    const slowMode = this.#party.room?.slowMode ?? 0;
    const { silencedBy } = this.#party;
    const hint = {
      muted: () => say("youAreMuted"),
      forbidden: () => say("mayNotChat"),
    }[this.#party.you && silencedBy]?.();
    this.#input.disabled = this.#smile.disabled = silencedBy !== null;
    this.#send.disabled = silencedBy !== null || waitSeconds > 0;
    this.#input.placeholder = silencedBy ? "" : say("chatPlaceholder");
    if (waitSeconds > 0) setText(this.#complaint, "");
    const slow = slowMode > 0 && !this.#party.may("kick") ? say("slowModeHint", slowMode) : "";
    setText(this.#hint, hint ?? (waitSeconds > 0 ? say("slowModeWait", waitSeconds) : slow));
  }
}

function timeOfDay(timestamp) {
  return moment(timestamp, { timeStyle: "short" });
}
