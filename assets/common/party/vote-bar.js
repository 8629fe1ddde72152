/**
 * The vote that is open: `element` is a bar that says what is voted on, how it stands and how long it lasts, with a
 * button to say yes or to take it back. Hidden while there is none.
 *
 * `skip` is a button that opens a vote to skip (hidden while one is open; the page puts it where it plays from).
 * Sends `party:vote` and `party:unvote`. `tell(key, ...values)` says how a vote ended, `complain(text)` what the server
 * refused. `clock.serverNow` is the server's time. `render()` says all in another language.
 */

import { button, element, setText } from "../elements.js";
import { fill, say } from "../texts.js";
import { refusal } from "./refusals.js";

const SHOWN_EVERY_MS = 500;

export class VoteBar {
  #party;
  #connection;
  #clock;
  #tell;
  #complain;
  #hasVoted = false;
  #subject = null;
  #timer = 0;
  #title = element("p", { class: "vote-title" });
  #count = element("p", { class: "hint" });
  #time = element("span", { class: "moment" });
  #meter = element("meter", { class: "vote-meter", min: "0", "data-say-label": "votesFor" });
  #yes = button("", () => this.#press(), { class: "primary is-compact" });
  element = element(
    "section",
    { class: "vote", "data-say-label": "vote", hidden: true },
    element("div", { class: "grows", role: "status" }, this.#title, this.#count),
    this.#time,
    this.#yes,
    this.#meter,
  );
  skip = button("", () => this.#open("skip"), { class: "outlined is-compact", "data-say": "voteToSkip" });

  constructor({ party, connection, clock, tell = () => {}, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#clock = clock;
    this.#tell = tell;
    this.#complain = complain;
    party.addEventListener("vote", ({ detail }) => this.#take(detail));
    party.addEventListener("change", () => this.render());
    this.render();
  }

  /** Opens a vote to put a member out. */
  openKick(targetUserId) {
    return this.#open("kick", targetUserId);
  }

  render() {
    const { vote, you } = this.#party;
    fill(this.element);
    fill(this.skip);
    this.element.hidden = vote === null;
    this.skip.hidden = vote !== null || you === null;
    this.skip.disabled = you?.isMuted === true;
    if (!vote) return;
    const by = vote.by?.name || say("someone");
    setText(this.#title, vote.subject === "kick" ? say("voteOnKick", this.#target(vote), by) : say("voteOnSkip", by));
    setText(this.#count, say("votesOf", vote.yes, vote.needed));
    this.#meter.max = Math.max(1, vote.needed);
    this.#meter.value = vote.yes;
    setText(this.#yes, say(this.#hasVoted ? "takeVoteBack" : "voteYes"));
    this.#yes.className = `${this.#hasVoted ? "outlined" : "primary"} is-compact`;
    this.#yes.disabled = you?.isMuted === true || vote.target === you?.id;
    this.#renderTime();
  }

  #take(vote) {
    const subject = vote.isOpen ? `${vote.subject} ${vote.endsAt}` : null;
    if (subject !== this.#subject) {
      this.#hasVoted = vote.by?.id === this.#party.you?.id;
      this.#subject = subject;
    }
    clearInterval(this.#timer);
    if (vote.isOpen) this.#timer = setInterval(() => this.#renderTime(), SHOWN_EVERY_MS);
    else if (vote.outcome) this.#tell(vote.outcome === "passed" ? "votePassed" : "voteFailed");
  }

  #target({ target }) {
    return this.#party.member(target)?.name || say("someone");
  }

  #renderTime() {
    const { vote } = this.#party;
    if (vote)
      setText(this.#time, say("secondsLeft", Math.max(0, Math.ceil((vote.endsAt - this.#clock.serverNow) / 1000))));
    else clearInterval(this.#timer);
  }

  #press() {
    const { vote } = this.#party;
    if (!vote) return;
    if (this.#hasVoted) this.#ask("party:unvote", {}, false);
    else this.#open(vote.subject, vote.target ?? undefined);
  }

  #open(subject, targetUserId) {
    return this.#ask("party:vote", { subject, targetUserId }, true);
  }

  async #ask(event, data, isYes) {
    const problem = refusal(await this.#connection.ask(event, data));
    if (problem) {
      this.#complain(problem);
      return;
    }
    this.#hasVoted = isYes;
    this.render();
  }
}
