/**
 * The parts of the page for rooms with company: chat, reactions, who is here, votes, invitations, settings, recordings.
 * Where the server knows no roles they hide.
 */

import { byId } from "../common/elements.js";
import { Chat } from "../common/party/chat.js";
import { Invitations } from "../common/party/invitations.js";
import { Members } from "../common/party/members.js";
import { Reactions } from "../common/party/reactions.js";
import { Recordings } from "../common/party/recordings.js";
import { Replay } from "../common/party/replay.js";
import { RoomSettings } from "../common/party/room-settings.js";
import { VoteBar } from "../common/party/vote-bar.js";

const CHAT = "chat-panel";
/** The rights that mean something where only music plays. */
const RIGHTS = ["control", "choose", "queue", "chat", "invite", "kick"];
const SETTLERS = ["owner", "cohost"];

export class Company {
  #party;
  #panels;
  #chat;
  #replay;
  #parts;
  #opener = byId("open-settings");
  #dialog = byId("settings-dialog");

  /**
   * `status` says what was done and what was refused; `panels` has the tabs of what is shown here; `replay(tracks)` plays
   * what a recording is of.
   */
  constructor({ party, connection, clock, status, panels, replay }) {
    const tell = (key, ...values) => status.tell(key, ...values);
    const complain = (text) => status.complain("told", text);
    const page = { party, connection, clock, tell, complain };
    const chat = new Chat({ ...page, event: "party:chat", unread: (n) => this.#noteUnread(n) });
    const votes = new VoteBar(page);
    const members = new Members({ ...page, votes });
    const reactions = new Reactions(page);
    const invitations = new Invitations(page);
    const settings = new RoomSettings({ ...page, has: RIGHTS, hasWaitLimit: false });
    const recordings = new Recordings(page);
    this.#party = party;
    this.#panels = panels;
    this.#chat = chat;
    this.#replay = new Replay({ party, chat, reactions, started: replay });
    this.#parts = [chat, votes, members, reactions, invitations, settings, recordings];

    byId(CHAT).append(chat.element);
    byId("company").append(members.element);
    byId("reactions").append(reactions.bar);
    byId("stage").append(reactions.layer);
    byId("vote-to-skip").append(votes.skip);
    byId("open-vote").append(votes.element);
    byId("recording").append(recordings.notice);
    byId("share-panel").append(invitations.element);
    byId("settings-parts").append(settings.element, recordings.element);

    this.#opener.addEventListener("click", () => {
      this.#dialog.showModal();
      recordings.load();
    });
    byId("close-settings").addEventListener("click", () => this.#dialog.close());
  }

  render({ room }) {
    const hasRoles = room.standing !== null;
    for (const id of ["company", "reactions"]) byId(id).hidden = !hasRoles;
    byId("open-vote").hidden = this.#party.vote === null;
    byId("vote-to-skip").hidden = !hasRoles || room.may("choose") || !room.track;
    this.#opener.hidden = !SETTLERS.includes(room.standing?.role);
    this.#panels.offer(CHAT, hasRoles);
    this.#chat.isOnView = this.#panels.isShown(CHAT);
  }

  /** The page has left the room. */
  hide() {
    this.#opener.hidden = true;
    this.#dialog.close();
  }

  /** What was said of `track` when it was recorded shows at its moment. */
  follow(track, position) {
    if (this.#replay.isRunning && position !== null) this.#replay.follow(track, position);
  }

  /** Says all in the language of the moment. */
  speak() {
    for (const part of this.#parts) part.render();
  }

  #noteUnread(n) {
    this.#panels.note(CHAT, n > 0 ? String(n) : "");
    if (n > 0) this.#panels.mark(CHAT);
  }
}
