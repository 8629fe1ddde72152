/**
 * The voice chat as one uses it: `element` is a section in which one joins and leaves, and talks by pushing a button
 * (or the key T) or with an open microphone. `new VoiceBar({party, voice, complain})`; `render()` says all in another
 * language.
 */

import { button, element, icon, iconAddress, setText } from "../elements.js";
import { recall, remember } from "../memory.js";
import { fill, say } from "../texts.js";

const MEMORY = "talk-mode";
const PUSH = "push";
const OPEN = "open";
const TALK_KEY = "KeyT";

export class VoiceBar {
  #party;
  #voice;
  #complain;
  #mode = recall(MEMORY) === OPEN ? OPEN : PUSH;
  #isMuted = false;
  #join = button("", () => this.#joinOrLeave(), { class: "outlined" });
  #joinWords = element("span");
  #talk = element("button", { type: "button", class: "primary voice-talk" });
  #talkIcon = icon("mic");
  #talkWords = element("span");
  #choice = element(
    "select",
    {},
    element("option", { value: PUSH, "data-say": "pushToTalk" }),
    element("option", { value: OPEN, "data-say": "openMicrophone" }),
  );
  #choiceLabel = element("label", { class: "field" }, element("span", { "data-say": "talkMode" }), this.#choice);
  #hint = element("p", { class: "hint", role: "status" });
  element = element(
    "section",
    { class: "voice", "data-say-label": "voice" },
    element("h2", { class: "heading", "data-say": "voice" }),
    element("div", { class: "voice-controls" }, this.#talk, this.#choiceLabel, this.#join),
    this.#hint,
  );

  constructor({ party, voice, complain = () => {} }) {
    this.#party = party;
    this.#voice = voice;
    this.#complain = complain;
    this.#join.append(icon("volume"), this.#joinWords);
    this.#talk.append(this.#talkIcon, this.#talkWords);
    this.#choice.value = this.#mode;
    this.#choice.addEventListener("change", () => this.#choose(this.#choice.value));
    this.#listenForTalk();
    party.addEventListener("change", () => this.#show());
    voice.addEventListener("change", () => this.#show());
    voice.addEventListener("speaking", ({ detail: { id, isSpeaking } }) => {
      if (id === party.you?.id) this.#talk.classList.toggle("is-heard", isSpeaking);
    });
    this.render();
  }

  render() {
    fill(this.element);
    this.#show();
  }

  #listenForTalk() {
    const isTalkKey = ({ code }) => code === "Space" || code === "Enter";
    this.#talk.addEventListener("pointerdown", () => this.#push(true));
    this.#talk.addEventListener("keydown", (event) => {
      if (!isTalkKey(event) || this.#mode === OPEN) return;
      event.preventDefault();
      event.stopPropagation();
      this.#push(true);
    });
    this.#talk.addEventListener("keyup", (event) => isTalkKey(event) && this.#push(false));
    this.#talk.addEventListener("blur", () => this.#push(false));
    this.#talk.addEventListener("contextmenu", (event) => event.preventDefault());
    this.#talk.addEventListener("click", () => this.#mode === OPEN && this.#mute(!this.#isMuted));
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => this.#push(false));
    window.addEventListener("blur", () => this.#push(false));
    document.addEventListener("keydown", (event) => {
      const isWriting = event.target.closest?.("input, select, textarea, [contenteditable]");
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.code === TALK_KEY && isPlain && !isWriting) this.#push(true);
    });
    document.addEventListener("keyup", ({ code }) => code === TALK_KEY && this.#push(false));
  }

  async #joinOrLeave() {
    if (this.#voice.isJoined) {
      this.#voice.leave();
      return;
    }
    this.#isMuted = false;
    this.#voice.isOpen = this.#mode === OPEN;
    await this.#voice.join();
    if (this.#voice.isJoined && !this.#voice.hasMicrophone) this.#complain(say("noMicrophone"));
  }

  #choose(mode) {
    this.#mode = mode;
    remember(MEMORY, mode);
    this.#isMuted = false;
    if (this.#voice.isJoined) this.#voice.isOpen = mode === OPEN;
    this.#show();
  }

  #push(isPushed) {
    if (this.#mode !== PUSH || !this.#voice.isJoined || this.#voice.isOpen === isPushed) return;
    this.#voice.isOpen = isPushed;
  }

  #mute(isMuted) {
    this.#isMuted = isMuted;
    this.#voice.isOpen = !isMuted;
  }

  #show() {
    const { isJoined, hasMicrophone, isOpen, nOthers } = this.#voice;
    const may = this.#party.may("voice") && !this.#party.you?.isMuted;
    this.element.hidden = this.#party.you === null;
    this.#join.disabled = !may;
    this.#join.className = isJoined ? "outlined danger" : "outlined";
    setText(this.#joinWords, say(isJoined ? "leaveVoice" : "joinVoice"));
    this.#talk.hidden = this.#choiceLabel.hidden = !isJoined || !hasMicrophone;
    this.#talk.classList.toggle("is-open", isOpen);
    this.#talk.setAttribute("aria-pressed", String(isOpen));
    const name = this.#mode === PUSH || isOpen ? "mic" : "mic-off";
    this.#talkIcon.firstElementChild.setAttribute("href", iconAddress(name));
    setText(
      this.#talkWords,
      say(this.#mode === PUSH ? "holdToTalk" : this.#isMuted ? "unmuteYourself" : "muteYourself"),
    );
    setText(this.#hint, this.#hintText(may, isJoined, hasMicrophone, nOthers));
  }

  #hintText(may, isJoined, hasMicrophone, nOthers) {
    if (this.#party.you?.isMuted) return say("youAreMuted");
    if (!may) return say("mayNotTalk");
    const others = nOthers > 0 ? say("othersInVoice", nOthers) : "";
    if (!isJoined) return others || say("voiceHint");
    if (!hasMicrophone) return say("listening");
    return this.#mode === PUSH ? say("holdSpace") : others;
  }
}
