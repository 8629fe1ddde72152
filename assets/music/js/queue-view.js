/** What plays next: in what order, who added it, how many want it, and the means to change it. */

import { byId, element, setText } from "../common/elements.js";
import { Reorder } from "../common/reorder.js";
import { languageTag, say } from "../common/texts.js";
import { itemButton, redraw, titleOrNone, trackWords, voteButton } from "./queue-item.js";

export class QueueView {
  #list = byId("queue");
  #empty = byId("queue-empty");
  #order = byId("queue-order");
  #byVotes = byId("by-votes");
  #actions;
  #reorder;
  #page = null;
  #shown = null;

  /**
   * `actions` has `playEntry(i)`, `move(from, to)`, `remove(i)`, `vote(id)`, `toggleByVotes()` and `moved(title, place)`,
   * which says where something is now.
   */
  constructor(actions) {
    this.#actions = actions;
    this.#byVotes.addEventListener("click", actions.toggleByVotes);
    this.#reorder = new Reorder(this.#list, {
      move: (from, to) => this.#move(from, to),
      settled: () => this.render(this.#page),
    });
  }

  render(page) {
    this.#page = page;
    const { room, isOpen } = page;
    const canChoose = isOpen && room.may("choose");
    this.#order.hidden = !room.hasQueue || !room.may("choose") || room.queue.length < 2;
    this.#byVotes.disabled = !canChoose;
    this.#byVotes.setAttribute("aria-pressed", String(room.mode?.byVotes ?? false));
    this.#empty.hidden = room.queue.length > 0;
    setText(this.#empty, say(emptyKey(room)));

    if (this.#reorder.isDragging) return;
    const appearance = JSON.stringify([room.queue, room.standing, room.isHost, room.mode, [...room.votes], isOpen, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    redraw(this.#list, room.queue.map((track, index) => this.#item(track, index, page)));
  }

  #item(track, index, { room, isOpen }) {
    const { entryId, addedBy, votes } = track;
    const isServers = room.hasQueue && typeof entryId === "string";
    const key = isServers ? entryId : `${index} ${track.id ?? ""}`;
    const may = (right) => room.may(right) && (isServers || room.isHost);
    const title = titleOrNone(track);
    const item = element("li", { class: "queue-item" });

    if (may("queue")) item.append(...this.#movers(key, index, title, { room, isOpen }));
    item.append(trackWords(track, isServers ? addedBy : null));
    const buttons = element("div", { class: "queue-buttons" });
    if (isServers && room.may("chat")) {
      const vote = () => this.#actions.vote(entryId);
      buttons.append(voteButton(key, track, votes ?? 0, room.votes.has(entryId), vote, { disabled: !isOpen }));
    }
    if (may("choose")) {
      const play = () => this.#actions.playEntry(index);
      buttons.append(itemButton(key, "play", "play", say("playNow", title), play, { disabled: !isOpen }));
    }
    if (may("queue") || (isServers && addedBy?.id === room.you)) {
      const remove = () => this.#actions.remove(index);
      buttons.append(itemButton(key, "remove", "remove", say("remove", title), remove, { disabled: !isOpen }));
    }
    if (buttons.childElementCount > 0) item.append(buttons);
    return item;
  }

  /** A handle for hands and keys; screen readers, which keep the arrow keys for themselves, find two buttons. */
  #movers(key, index, title, { room, isOpen }) {
    const last = room.queue.length - 1;
    const isFixed = !isOpen || last === 0 || room.mode?.byVotes === true;
    const unseen = (isEnd) => ({ class: "unseen", tabindex: "-1", disabled: isFixed || isEnd });
    const step = (distance) => () => this.#move(index, index + distance);
    const handle = itemButton(key, "handle", "handle", say("reorder", title), null, {
      class: "quiet handle",
      "data-handle": true,
      disabled: isFixed,
    });
    return [
      handle,
      itemButton(key, "up", "up", say("moveUp", title), step(-1), unseen(index === 0)),
      itemButton(key, "down", "down", say("moveDown", title), step(1), unseen(index === last)),
    ];
  }

  #move(from, to) {
    const title = titleOrNone(this.#page.room.queue[from]);
    this.#actions.move(from, to);
    this.#actions.moved(title, to + 1);
  }
}

function emptyKey(room) {
  if (room.may("queue")) return "queueEmptyHost";
  return room.may("chat") ? "queueEmptySuggest" : "queueEmptyMember";
}
