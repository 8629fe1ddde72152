/** The side panel and what lies over the picture: chat, people, voice, screens, invitations and the room's settings. */

import { byId } from "../common/elements.js";
import { Panels } from "../common/panels.js";
import { Chat } from "../common/party/chat.js";
import { Danmaku } from "../common/party/danmaku.js";
import { Invitations } from "../common/party/invitations.js";
import { Members } from "../common/party/members.js";
import { Reactions } from "../common/party/reactions.js";
import { Recordings } from "../common/party/recordings.js";
import { Replay } from "../common/party/replay.js";
import { RoomSettings } from "../common/party/room-settings.js";
import { ScreenShare } from "../common/party/screen-share.js";
import { VoiceBar } from "../common/party/voice-bar.js";
import { Voice } from "../common/party/voice.js";
import { VoteBar } from "../common/party/vote-bar.js";
import { languageTag } from "../common/texts.js";

/** Below this width there is one column. */
const NARROW = "(max-width: 900px)";
/** The rights that have a meaning here. */
const RIGHTS = ["control", "choose", "chat", "voice", "share", "invite", "kick"];

export class Company {
  #party;
  #panels;
  #chat;
  #danmaku;
  #reactions;
  #votes;
  #voice;
  #voiceBar;
  #share;
  #members;
  #invitations;
  #settings;
  #recordings;
  #replay;
  #film = null;
  #language = null;

  /** `changed()` is called when a shared screen comes or goes, `replayed(film)` with the first film of a recording. */
  constructor({ party, connection, clock, status, changed, replayed }) {
    const tell = (key, ...values) => status.tell(key, ...values);
    const complain = (text) => status.complain("told", text);
    const all = { party, connection, clock, tell, complain };
    this.#party = party;
    this.#chat = new Chat({ ...all, unread: (n) => this.#noteUnread(n) });
    this.#danmaku = new Danmaku(all);
    this.#reactions = new Reactions(all);
    this.#votes = new VoteBar(all);
    this.#voice = new Voice(all);
    this.#voiceBar = new VoiceBar({ ...all, voice: this.#voice });
    this.#share = new ScreenShare({ ...all, changed });
    this.#members = new Members({ ...all, votes: this.#votes, voice: this.#voice });
    this.#invitations = new Invitations(all);
    this.#settings = new RoomSettings({ ...all, has: RIGHTS });
    this.#recordings = new Recordings(all);
    const started = ([film]) => film && party.may("choose") && party.isOwner && replayed(film);
    this.#replay = new Replay({ party, chat: this.#chat, danmaku: this.#danmaku, reactions: this.#reactions, started });
    this.#mount();
    this.#panels = new Panels(byId("side"), byId("choose"), NARROW, () => this.#look());
  }

  /** What the connection listens to for voices and screens. */
  get handlers() {
    return { ...this.#voice.handlers, ...this.#share.handlers };
  }

  /** Whether somebody else's screen takes the place of the film. */
  get isShared() {
    return this.#share.isWatching || this.#share.isSharing;
  }

  /** Brings what can be put on the screen into view. */
  showChoice() {
    this.#panels.show("panel-choose");
    byId("panel-choose").scrollIntoView({ behavior: "smooth", block: "start" });
    byId("film-url").focus({ preventScroll: true });
  }

  /** Takes what is on the screen; another film has had nothing said over it. */
  follow(film) {
    this.#share.follow(film);
    const id = film?.videoId ?? film?.channelId ?? null;
    if (id !== this.#film) this.#danmaku.begin();
    this.#film = id;
  }

  render() {
    const { isOwner } = this.#party;
    this.#panels.offer("panel-invite", this.#party.may("invite"));
    this.#panels.offer("panel-room", isOwner || this.#party.you?.role === "cohost");
    this.#panels.note("panel-people", this.#party.nMembers > 1 ? String(this.#party.nMembers) : "");
    this.#panels.render();
    this.#chat.isOnView = this.#panels.isShown("panel-chat");
    if (this.#language === languageTag()) return;
    this.#language = languageTag();
    for (const part of this.#parts()) part.render();
  }

  /** Follows the picture. */
  renderTime(position, playhead) {
    this.#danmaku.follow(position, playhead?.isPlaying ?? false);
    this.#replay.follow(playhead?.track ?? null, position);
  }

  #mount() {
    byId("over-picture").append(this.#danmaku.layer, this.#reactions.layer);
    byId("shared-screen").append(this.#share.stage);
    byId("other-ways").append(this.#share.control);
    byId("words").prepend(this.#recordings.notice);
    byId("panel-chat").append(this.#votes.element, this.#chat.element, this.#reactions.bar, this.#danmaku.toggle);
    byId("panel-people").append(this.#members.element, this.#voiceBar.element);
    byId("panel-invite").append(this.#invitations.element);
    byId("panel-room").append(this.#settings.element, this.#recordings.element);
  }

  #parts() {
    return [
      this.#chat, this.#danmaku, this.#reactions, this.#votes, this.#voiceBar, this.#share, this.#members,
      this.#invitations, this.#settings, this.#recordings,
    ];
  }

  #look() {
    this.#chat.isOnView = this.#panels.isShown("panel-chat");
    if (this.#panels.isShown("panel-invite")) this.#invitations.load();
    if (this.#panels.isShown("panel-room")) this.#recordings.load();
  }

  #noteUnread(n) {
    if (!this.#panels) return;
    this.#panels.note("panel-chat", n > 0 ? String(n) : "");
    if (n > 0) this.#panels.mark("panel-chat");
  }
}
