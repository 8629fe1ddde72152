/** What entries of the queue and suggestions have in common: their words, their buttons, and a focus that stays. */

import { byId, element, icon } from "../common/elements.js";
import { say } from "../common/texts.js";
import { bylineOf, titleOf } from "./track.js";

export function titleOrNone(track) {
  return titleOf(track) ?? say("untitled");
}

/** Title and artist, and who added it. */
export function trackWords(track, by) {
  const words = element("div", { class: "queue-words" }, element("span", { class: "queue-title" }, titleOrNone(track)));
  const line = [bylineOf(track), by && say("addedBy", by.name || say("guest"))].filter(Boolean).join(" · ");
  if (line) words.append(element("span", { class: "queue-byline" }, line));
  return words;
}

/** A button of the item `key`; `more` are further attributes. */
export function itemButton(key, action, iconName, label, act, more = {}) {
  const attributes = { type: "button", class: "quiet", "aria-label": label, title: label, ...more };
  const made = element("button", { ...attributes, "data-action": action, "data-item": key }, icon(iconName));
  if (act) made.addEventListener("click", act);
  return made;
}

/** Says yes to a track, and how many do. */
export function voteButton(key, track, nVotes, isOwn, vote, more = {}) {
  const label = say(isOwn ? "unvoteFor" : "voteFor", titleOrNone(track), nVotes);
  const made = itemButton(key, "vote", "vote", label, vote, { ...more, class: "upvote", "aria-pressed": String(isOwn) });
  made.append(element("span", { class: "upvote-count" }, String(nVotes)));
  return made;
}

/** Draws the items of a list anew; the focus stays on the same button, or near it. */
export function redraw(list, items) {
  const focus = focusWithin(list);
  list.replaceChildren(...items);
  if (focus) restoreFocus(list, focus);
}

function focusWithin(list) {
  const focused = document.activeElement;
  if (!list.contains(focused)) return null;
  const index = [...list.children].indexOf(focused.closest("li"));
  return { action: focused.dataset.action, item: focused.dataset.item, index };
}

function restoreFocus(list, focus) {
  const buttons = [...list.querySelectorAll("button")];
  const isSame = (button) => button.dataset.item === focus.item && !button.disabled;
  const sameButton = buttons.find((button) => isSame(button) && button.dataset.action === focus.action);
  const neighbour = list.children[Math.min(focus.index, list.children.length - 1)];
  const found = sameButton ?? buttons.find(isSame) ?? neighbour?.querySelector("button") ?? byId("track-url");
  found.focus();
}
