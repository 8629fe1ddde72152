/** What lies over the picture while there is none to see, or something to do first. */

import { readable } from "../common/durations.js";
import { byId, element, setText } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";
import { addressOf, isOwnCopy, titleOf } from "./film.js";
import { megabytes } from "./sizes.js";
import { troubleText } from "./trouble.js";

export class CoverView {
  #cover = byId("cover");
  #title = byId("cover-title");
  #text = byId("cover-text");
  #buttons = byId("cover-buttons");
  #actions;
  #shown = null;

  /**
   * `actions` has `choose()`, `start()`, `askReady()`, `sayReady(isReady)`, `watch()`, `reload()` and `pickCopy(file)`.
   */
  constructor(actions) {
    this.#actions = actions;
  }

  render(page) {
    const { kind, title = "", text = "", buttons = [] } = this.#coverOf(page);
    const appearance = JSON.stringify([kind, title, text, languageTag(), buttons.map(({ label }) => label)]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    this.#cover.hidden = kind === "none";
    this.#cover.dataset.kind = kind;
    setText(this.#title, title);
    setText(this.#text, text);
    this.#buttons.replaceChildren(...buttons.map(made));
  }

  #coverOf({ party, film, playhead, player, ownCopy, isOpen, isShared }) {
    const actions = this.#actions;
    if (isShared) return { kind: "none" };
    if (film?.type === "screen") return { kind: "empty", title: say("screenShared") };
    if (!film) return this.#emptyCover(party, isOpen);
    if (isOwnCopy(film) && !ownCopy.sourceFor(film.videoId)) return copyCover(film, actions);
    if (!isOwnCopy(film) && !addressOf(film)) {
      return { kind: "empty", title: titleOf(film) ?? say("untitled"), text: say("foreignFilm") };
    }
    if (player.trouble) return troubleCover(player.trouble, actions);
    if (party.readyCheck) return readyCover(party, actions);
    if (player.isBlocked) {
      return { kind: "tap", text: say("tapHint"), buttons: [{ label: say("tapToWatch"), act: actions.watch, isMain: true }] };
    }
    const isAtStart = film.type === "play" && !playhead.isPlaying && playhead.position < 0.5 && !party.waiting;
    return isAtStart ? startCover(party, film, player, actions, isOpen) : { kind: "none" };
  }

  #emptyCover(party, isOpen) {
    if (!isOpen) return { kind: "empty", title: say("connectionLost") };
    const title = say("nothingOn");
    if (!party.may("choose")) return { kind: "empty", title, text: say("nothingYetMember") };
    const buttons = [{ label: say("chooseFilm"), act: this.#actions.choose, isMain: true }];
    return { kind: "empty", title, text: say("nothingYetChooser"), buttons };
  }
}

function startCover(party, film, player, actions, isOpen) {
  const title = titleOf(film) ?? say("untitled");
  const text = player.duration === null ? "" : readable(player.duration);
  if (!party.may("control") || !isOpen) return { kind: "start", title, text: say("waitForStart") };
  const buttons = [{ label: say("start"), act: actions.start, isMain: true }];
  if (party.nMembers > 1) buttons.push({ label: say("askReady"), act: actions.askReady });
  return { kind: "start", title, text, buttons };
}

function readyCover(party, actions) {
  const pages = party.members.filter((member) => member.isPage);
  const nReady = pages.filter((member) => member.isReady).length;
  const isReady = party.member(party.you?.id)?.isReady ?? false;
  const buttons = [
    { label: say(isReady ? "takeReadyBack" : "sayReady"), act: () => actions.sayReady(!isReady), isMain: !isReady },
  ];
  if (party.may("control")) buttons.push({ label: say("startAnyway"), act: actions.start });
  return { kind: "ready", title: say("readyQuestion", party.readyCheck.by?.name || say("someone")), text: say("readyCount", nReady, pages.length), buttons };
}

function copyCover(film, actions) {
  const { bytes, seconds } = film.copy ?? {};
  const facts = [seconds > 0 && readable(seconds), bytes > 0 && megabytes(bytes)].filter(Boolean).join(" · ");
  const title = titleOf(film) ?? say("untitled");
  return { kind: "empty", title, text: say("pickCopyHint", facts), buttons: [{ label: say("pickCopy"), pick: actions.pickCopy }] };
}

function troubleCover(trouble, actions) {
  return { kind: "trouble", text: troubleText(trouble), buttons: [{ label: say("tryAgain"), act: actions.reload }] };
}

function made({ label, act, pick, isMain = false }) {
  if (pick) {
    const field = element("input", { type: "file", class: "unseen", accept: "video/*,.mkv" });
    field.addEventListener("change", () => field.files[0] && pick(field.files[0]));
    return element("label", { class: "primary file" }, label, field);
  }
  const button = element("button", { type: "button", class: isMain ? "primary" : "outlined" }, label);
  button.addEventListener("click", act);
  return button;
}
