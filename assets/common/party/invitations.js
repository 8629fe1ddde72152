/**
 * Invitations: `element` is a section in which who may invites. It makes a link (with a QR code) that lets its bearer
 * into the room without the key, lists what is open, and revokes. Hidden for who may not.
 *
 * `new Invitations({party, connection, linkTo, tell, complain})`: `linkTo(token, roomId)` is the address to give away,
 * by default this page's with `?room=` and `#invitation=`. The page calls `load()` when it shows the section. Sends
 * `party:invite`, `party:invitations` and `party:revoke`. `render()` says all in another language.
 */

import { base } from "../base.js";
import { copyFrom } from "../clipboard.js";
import { button, drawing, element, icon, keepingFocus } from "../elements.js";
import { drawCode } from "../qr-code.js";
import { fill, moment, say } from "../texts.js";
import { refusal } from "./refusals.js";

/** How long an invitation may be good for (seconds), and what each is called. */
const EXPIRIES = [
  [3600, "forAnHour"],
  [86_400, "forADay"],
  [604_800, "forAWeek"],
  [2_592_000, "forAMonth"],
];
const USUAL = 86_400;

function usualLink(token, roomId) {
  const link = new URL(base);
  link.searchParams.set("room", roomId);
  link.hash = new URLSearchParams({ invitation: token }).toString();
  return link.href;
}

export class Invitations {
  #party;
  #connection;
  #linkTo;
  #tell;
  #complain;
  #invitations = [];
  #made = null;
  #expiry = element("select", {}, ...EXPIRIES.map(([value, key]) => element("option", { value, "data-say": key })));
  #skips = element("input", { type: "checkbox" });
  #skipsLabel = element("label", { class: "check" }, this.#skips, element("span", { "data-say": "skipsPassword" }));
  #form = element(
    "form",
    { class: "invitation-form" },
    element("label", { class: "field" }, element("span", { "data-say": "goodFor" }), this.#expiry),
    element("button", { class: "primary", "data-say": "makeInvitation" }),
    this.#skipsLabel,
  );
  #link = element("input", { class: "share-link", type: "text", readonly: true, "data-say-label": "invitationLink" });
  #copy = element(
    "button",
    { type: "button", class: "outlined is-compact", "data-say-label": "copyLink" },
    icon("copy"),
  );
  #code = drawing("svg", { role: "img", "data-say-label": "invitationCode" });
  #result = element(
    "div",
    { class: "invitation-made", hidden: true },
    this.#link,
    this.#copy,
    element("figure", { class: "party-qr" }, this.#code),
    element("p", { class: "hint", "data-say": "invitationHint" }),
  );
  #list = element("ul", { class: "rows invitation-list" });
  element = element(
    "section",
    { class: "invitations", "data-say-label": "invitations" },
    element("h2", { class: "heading", "data-say": "invitations" }),
    this.#form,
    this.#result,
    this.#list,
  );

  constructor({ party, connection, linkTo = usualLink, tell = () => {}, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#linkTo = linkTo;
    this.#tell = tell;
    this.#complain = complain;
    this.#expiry.value = USUAL;
    this.#copy.addEventListener("click", () => this.#copyLink());
    this.#form.addEventListener("submit", (event) => this.#make(event));
    this.#link.addEventListener("focus", () => this.#link.select());
    party.addEventListener("enter", () => this.#begin());
    party.addEventListener("change", () => this.#renderRights());
    this.render();
  }

  /** Asks the server what is open. */
  async load() {
    if (!this.#party.may("invite")) return;
    const answer = await this.#connection.ask("party:invitations", {});
    if (!answer?.success) return;
    this.#invitations = Array.isArray(answer.invitations) ? answer.invitations : [];
    this.#renderList();
  }

  render() {
    fill(this.element);
    this.#renderRights();
    this.#renderList();
  }

  #begin() {
    this.#invitations = [];
    this.#made = null;
    this.#result.hidden = true;
    this.load();
  }

  #renderRights() {
    this.element.hidden = !this.#party.may("invite");
    this.#skipsLabel.hidden = !this.#party.room?.hasPassword;
  }

  #renderList() {
    const now = Date.now();
    const open = this.#invitations.filter(({ expiresAt }) => !(expiresAt < now));
    keepingFocus(() => this.#list.replaceChildren(...open.map((invitation) => this.#item(invitation))));
  }

  #item({ id, expiresAt, skipsPassword, by }) {
    const { isOwner, you } = this.#party;
    const mayRevoke = isOwner || by === this.#party.member(you?.id)?.name;
    const words = element(
      "div",
      { class: "grows" },
      element("p", {}, say("openUntil", moment(expiresAt, { dateStyle: "medium", timeStyle: "short" }))),
      element(
        "p",
        { class: "hint" },
        say("invitedBy", by || say("someone"), this.#party.room?.hasPassword && skipsPassword),
      ),
    );
    const item = element("li", {}, words);
    if (mayRevoke) {
      item.append(
        button(say("revoke"), () => this.#revoke(id), {
          class: "outlined is-compact danger",
          "data-focus": `revoke-${id}`,
        }),
      );
    }
    return item;
  }

  async #make(event) {
    event.preventDefault();
    const skipsPassword = this.#skips.checked && this.#party.room?.hasPassword === true;
    const answer = await this.#connection.ask("party:invite", { expiresIn: Number(this.#expiry.value), skipsPassword });
    const problem = refusal(answer);
    if (problem) {
      this.#complain(problem);
      return;
    }
    this.#made = answer.invitation.id;
    this.#link.value = this.#linkTo(answer.invitation.token, this.#party.room.roomId);
    this.#result.hidden = false;
    drawCode(this.#code, this.#link.value);
    this.#tell("invitationMade");
    this.load();
  }

  async #copyLink() {
    this.#tell((await copyFrom(this.#link)) ? "copied" : "copyFailed");
  }

  async #revoke(id) {
    const problem = refusal(await this.#connection.ask("party:revoke", { id }));
    if (problem) this.#complain(problem);
    else this.#tell("revoked");
    if (!problem && id === this.#made) this.#result.hidden = true;
    this.load();
  }
}
