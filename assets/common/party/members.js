/**
 * Who is here: `element` is a section with a row for each member (role, muted, loading, ready, speaking) and, behind a
 * button, what one may do with it by one's rights.
 *
 * `new Members({party, connection, votes, voice, tell, complain})`: `votes` is the `VoteBar`, for votes to put somebody
 * out; `voice`, if there is one, is the `Voice`: who is in it, who speaks, and how loud each is. Sends `party:grant`,
 * `party:mute` and `party:kick`. `tell(key, ...values)` says what was done, `complain(text)` what the server refused.
 * `render()` says all in another language.
 */

import { button, element, icon, setText } from "../elements.js";
import { fill, say } from "../texts.js";
import { confirmed } from "./question.js";
import { refusal } from "./refusals.js";

const GRANTED = ["cohost", "member", "guest"];

export class Members {
  #party;
  #connection;
  #votes;
  #voice;
  #tell;
  #complain;
  #rows = new Map();
  #count = element("span", { class: "count" });
  #list = element("ul", { class: "party-members" });
  #more = element("p", { class: "hint" });
  element = element(
    "section",
    { class: "members-part", "data-say-label": "people" },
    element("h2", { class: "heading" }, element("span", { "data-say": "people" }), this.#count),
    this.#list,
    this.#more,
  );

  constructor({ party, connection, votes, voice = null, tell = () => {}, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#votes = votes;
    this.#voice = voice;
    this.#tell = tell;
    this.#complain = complain;
    party.addEventListener("change", () => this.render());
    voice?.addEventListener("change", () => this.render());
    voice?.addEventListener("speaking", ({ detail: { id, isSpeaking } }) => {
      this.#rows.get(id)?.element.classList.toggle("is-speaking", isSpeaking);
    });
    this.render();
  }

  render() {
    const { members, nMembers } = this.#party;
    fill(this.element);
    setText(this.#count, String(nMembers));
    const rows = members.map((member) => this.#row(member));
    for (const [id, row] of this.#rows) {
      if (members.some((member) => member.id === id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    // Only what is not in its place is moved: a row that stays keeps the focus.
    rows.forEach((row, index) => {
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    });
    const nHidden = nMembers - members.length;
    this.#more.hidden = nHidden <= 0;
    setText(this.#more, nHidden > 0 ? say("peopleMore", nHidden) : "");
  }

  #row(member) {
    const row = this.#rows.get(member.id) ?? this.#newRow(member.id);
    const name = member.name || say("someone");
    const isYou = member.id === this.#party.you?.id;
    setText(row.initial, [...name][0].toUpperCase());
    setText(row.name, name);
    row.badges.replaceChildren(...this.#badges(member, isYou));
    row.element.classList.toggle("is-speaking", this.#voice?.isSpeaking(member.id) ?? false);
    const actions = this.#actions(member, name);
    const loudness = isYou ? null : (this.#voice?.volumeOf(member.id) ?? null);
    row.volume.hidden = loudness === null;
    if (loudness !== null && document.activeElement !== row.range) {
      row.range.value = Math.round(loudness * 100);
      row.range.style.setProperty("--fill", `${row.range.value}%`);
    }
    row.range.setAttribute("aria-label", say("volumeOf", name));
    const hasMore = actions.length > 0 || loudness !== null;
    row.opener.hidden = !hasMore;
    row.opener.setAttribute("aria-label", say("actionsOn", name));
    if (!hasMore) row.open(false);
    const signature = JSON.stringify(actions.map(({ text }) => text));
    if (row.signature !== signature) {
      row.signature = signature;
      const hadFocus = row.actions.contains(document.activeElement);
      row.actions.replaceChildren(
        ...actions.map(({ text, act, isDanger }) =>
          button(text, act, { class: `outlined is-compact${isDanger ? " danger" : ""}` }),
        ),
      );
      if (hadFocus) row.opener.focus();
    }
    return row.element;
  }

  #newRow(id) {
    const row = {
      initial: element("span", { class: "initial", "aria-hidden": "true" }),
      name: element("span", { class: "name" }),
      badges: element("span", { class: "member-badges" }),
      opener: element("button", { type: "button", class: "quiet", "aria-expanded": "false" }, icon("more")),
      range: element("input", { type: "range", class: "range", min: "0", max: "100" }),
      actions: element("div", { class: "member-buttons" }),
      signature: "",
    };
    row.volume = element("label", { class: "member-volume" }, icon("volume"), row.range);
    const panel = element("div", { class: "member-actions", hidden: true }, row.volume, row.actions);
    const words = element("div", { class: "member-words" }, row.name, row.badges);
    row.element = element("li", { class: "party-member" }, row.initial, words, row.opener, panel);
    row.open = (isOpen) => {
      panel.hidden = !isOpen;
      row.opener.setAttribute("aria-expanded", String(isOpen));
    };
    row.opener.addEventListener("click", () => row.open(panel.hidden));
    row.range.addEventListener("input", () => {
      row.range.style.setProperty("--fill", `${row.range.value}%`);
      this.#voice.setVolume(id, row.range.value / 100);
    });
    row.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      event.stopPropagation();
      row.open(false);
      row.opener.focus();
    });
    this.#rows.set(id, row);
    return row;
  }

  #badges(member, isYou) {
    const badge = (text, className = "badge") => element("span", { class: className }, text);
    const marked = (name, key) =>
      element(
        "span",
        { class: "member-mark", title: say(key) },
        icon(name),
        element("span", { class: "unseen" }, say(key)),
      );
    const badges = [];
    if (isYou) badges.push(badge(say("thatIsYou")));
    if (member.role !== "member") badges.push(badge(say(`role_${member.role}`), "badge is-strong"));
    if (member.isBuffering) badges.push(badge(say("isLoading"), "badge is-waited-for"));
    if (this.#party.readyCheck && member.isPage) {
      badges.push(member.isReady ? marked("check", "isReady") : badge(say("isNotReady"), "badge is-waited-for"));
    }
    if (member.isMuted) badges.push(marked("mic-off", "isMuted"));
    else if (this.#voice?.isIn(member.id)) badges.push(marked("mic", "isInVoice"));
    return badges;
  }

  /** What this page may do with `member`: `{text, act, isDanger}`. */
  #actions(member, name) {
    const { you, isOwner } = this.#party;
    if (!you || member.id === you.id) return [];
    const target = { targetUserId: member.id };
    const actions = [];
    const may = (text, act, isDanger = false) => actions.push({ text, act, isDanger });
    if (isOwner) {
      for (const role of GRANTED.filter((role) => role !== member.role)) {
        may(say(`make_${role}`), () => this.#ask("party:grant", { ...target, role }));
      }
      may(say("handOver"), () =>
        this.#askFirst(say("handOverTo", name), say("handOver"), "party:grant", { ...target, role: "owner" }),
      );
    }
    if (this.#party.mayRule(member)) {
      const isMuted = !member.isMuted;
      may(say(isMuted ? "muteMember" : "unmuteMember"), () => this.#ask("party:mute", { ...target, isMuted }));
      may(
        say("putOut"),
        () => this.#askFirst(say("kickName", name), say("putOut"), "party:kick", target, "kickedName", name),
        true,
      );
    } else if (member.role !== "owner" && !you.isMuted && !this.#party.vote) {
      may(say("voteToKick"), () => this.#votes.openKick(member.id), true);
    }
    return actions;
  }

  async #askFirst(question, yes, event, data, ...done) {
    if (await confirmed(question, yes)) await this.#ask(event, data, ...done);
  }

  async #ask(event, data, ...done) {
    const problem = refusal(await this.#connection.ask(event, data));
    if (problem) this.#complain(problem);
    else if (done.length > 0) this.#tell(...done);
  }
}
