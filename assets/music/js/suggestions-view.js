/** What members would like to hear, for those who may queue it to say yes or no. */

import { byId, element, setText } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";
import { itemButton, redraw, titleOrNone, trackWords, voteButton } from "./queue-item.js";

export class SuggestionsView {
  #box = byId("suggestion-box");
  #list = byId("suggestions");
  #count = byId("suggestion-count");
  #actions;
  #shown = null;

  /** `actions` has `vote(id)`, `approve(id)` and `reject(id)`. */
  constructor(actions) {
    this.#actions = actions;
  }

  render({ room, isOpen }) {
    const { suggestions } = room;
    this.#box.hidden = suggestions.length === 0;
    setText(this.#count, String(suggestions.length));
    const appearance = JSON.stringify([suggestions, room.standing, room.isHost, [...room.votes], isOpen, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    redraw(this.#list, suggestions.map((each) => this.#item(each, room, isOpen)));
  }

  #item({ id, track, by, votes }, room, isOpen) {
    const title = titleOrNone(track);
    const disabled = !isOpen;
    const buttons = element("div", { class: "queue-buttons" });
    if (room.may("chat")) {
      buttons.append(voteButton(id, track, votes ?? 0, room.votes.has(id), () => this.#actions.vote(id), { disabled }));
    }
    if (room.may("queue")) {
      const approve = () => this.#actions.approve(id);
      const reject = () => this.#actions.reject(id);
      buttons.append(
        itemButton(id, "approve", "check", say("approve", title), approve, { disabled, class: "quiet good" }),
        itemButton(id, "reject", "remove", say("reject", title), reject, { disabled }),
      );
    }
    return element("li", { class: "queue-item" }, trackWords(track, by), buttons);
  }
}
