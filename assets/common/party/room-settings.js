/**
 * What the owner settles in a room: `element` is a section with who may do what (a preset, or a table of its own), slow
 * mode, lock, how long the room waits, whether it stays and is listed, and its password. A co-host sees slow mode and
 * lock; nobody else sees it.
 *
 * `new RoomSettings({party, connection, has, tell, complain})`: `has` names the rights that the service knows (all by
 * default) and `hasWaitLimit` is whether its rooms wait (`watch`). Each change is sent at once as `party:set`; what the
 * server refuses is shown as it was. `render()` says all in another language.
 */

import { button, element } from "../elements.js";
import { fill, say } from "../texts.js";
import { PRESETS, RIGHTS, ROLES } from "./party.js";
import { refusal } from "./refusals.js";

const SLOW_MODES = [0, 5, 10, 30, 60, 300];
const WAIT_LIMITS = [0, 3, 5, 10, 30];
/** What stands in the choice of presets for a table of the room's own. */
const OWN = "own";

export class RoomSettings {
  #party;
  #connection;
  #tell;
  #complain;
  #rights;
  #preset = element(
    "select",
    {},
    ...[...PRESETS, OWN].map((value) => element("option", { value, "data-say": `preset_${value}` })),
  );
  #boxes = new Map();
  #table;
  #slowMode = element("select", {});
  #waitLimit = element("select", {});
  #isLocked = element("input", { type: "checkbox" });
  #isPermanent = element("input", { type: "checkbox" });
  #isPublic = element("input", { type: "checkbox" });
  #password = element("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: "20" });
  #takeAway = button("", () => this.#set({ password: "" }, "passwordGone"), {
    class: "outlined",
    "data-say": "takePasswordAway",
  });
  #ownerParts = [];
  element = element("section", { class: "room-settings", "data-say-label": "roomSettings" });

  constructor({ party, connection, has = RIGHTS, hasWaitLimit = true, tell = () => {}, complain = () => {} }) {
    this.#party = party;
    this.#connection = connection;
    this.#tell = tell;
    this.#complain = complain;
    this.#rights = RIGHTS.filter((right) => has.includes(right));
    this.#table = this.#rightsTable();
    this.#lay(hasWaitLimit);
    this.#listen();
    party.addEventListener("change", () => this.#show());
    this.render();
  }

  render() {
    fill(this.element);
    this.#offer(this.#slowMode, SLOW_MODES, "slowModeOff");
    this.#offer(this.#waitLimit, WAIT_LIMITS, "waitNever");
    for (const [key, box] of this.#boxes) {
      const [role, right] = key.split(" ");
      box.setAttribute("aria-label", `${say(`role_${role}`)}: ${say(`right_${right}`)}`);
    }
    this.#show();
  }

  #lay(hasWaitLimit) {
    const field = (key, control) => element("label", { class: "field" }, element("span", { "data-say": key }), control);
    const check = (key, control) => element("label", { class: "check" }, control, element("span", { "data-say": key }));
    const password = element(
      "form",
      { class: "password-form" },
      field("roomPassword", this.#password),
      element("button", { class: "outlined", "data-say": "setPassword" }),
      this.#takeAway,
    );
    password.addEventListener("submit", (event) => this.#setPassword(event));
    const wait = hasWaitLimit ? [field("waitLimit", this.#waitLimit)] : [];
    const rights = element(
      "details",
      { class: "rights" },
      element("summary", { "data-say": "whoMayWhat" }),
      this.#table,
    );
    const checks = [check("isPermanent", this.#isPermanent), check("isPublic", this.#isPublic)];
    const preset = field("preset", this.#preset);
    this.#ownerParts = [preset, rights, password, ...wait, ...checks];
    this.element.append(
      element("h2", { class: "heading", "data-say": "roomSettings" }),
      element("div", { class: "fields" }, preset, field("slowMode", this.#slowMode), ...wait),
      rights,
      element("div", { class: "checks" }, check("isLocked", this.#isLocked), ...checks),
      password,
    );
  }

  #rightsTable() {
    const head = element(
      "tr",
      {},
      element("td"),
      ...ROLES.map((role) => element("th", { scope: "col", "data-say": `role_${role}` })),
    );
    const row = (right) => {
      const boxes = ROLES.map((role) => {
        const box = element("input", { type: "checkbox" });
        this.#boxes.set(`${role} ${right}`, box);
        return element("td", {}, box);
      });
      return element("tr", {}, element("th", { scope: "row", "data-say": `right_${right}` }), ...boxes);
    };
    return element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "rights-table" },
        element("thead", {}, head),
        element("tbody", {}, ...this.#rights.map(row)),
      ),
    );
  }

  #listen() {
    this.#preset.addEventListener("change", () => this.#choosePreset());
    for (const box of this.#boxes.values())
      box.addEventListener("change", () => this.#set({ rights: this.#chosenRights() }));
    const seconds = (select, name) =>
      select.addEventListener("change", () => this.#set({ [name]: Number(select.value) }));
    seconds(this.#slowMode, "slowMode");
    seconds(this.#waitLimit, "waitLimit");
    for (const [box, name] of [
      [this.#isLocked, "isLocked"],
      [this.#isPermanent, "isPermanent"],
      [this.#isPublic, "isPublic"],
    ]) {
      box.addEventListener("change", () => this.#set({ [name]: box.checked }));
    }
  }

  #choosePreset() {
    if (this.#preset.value === OWN) this.#set({ rights: this.#chosenRights() });
    else this.#set({ preset: this.#preset.value });
  }

  /** The table as it is ticked; rights that the service does not know stay as they are. */
  #chosenRights() {
    const unknown = RIGHTS.filter((right) => !this.#rights.includes(right));
    const ofRole = (role) => {
      const kept = unknown.filter((right) => this.#party.room?.rights[role]?.includes(right));
      return [...this.#rights.filter((right) => this.#boxes.get(`${role} ${right}`).checked), ...kept];
    };
    return Object.fromEntries(ROLES.map((role) => [role, ofRole(role)]));
  }

  #offer(select, values, noneKey) {
    const chosen = select.value;
    const text = (value) => (value === 0 ? say(noneKey) : say("seconds", value));
    select.replaceChildren(...values.map((value) => element("option", { value }, text(value))));
    select.value = chosen;
  }

  #show() {
    const { room, isOwner, you } = this.#party;
    this.element.hidden = !room || !(isOwner || you?.role === "cohost");
    if (this.element.hidden) return;
    for (const part of this.#ownerParts) part.hidden = !isOwner;
    this.#preset.value = room.preset ?? OWN;
    for (const [key, box] of this.#boxes) {
      const [role, right] = key.split(" ");
      box.checked = room.rights[role]?.includes(right) ?? false;
    }
    choose(this.#slowMode, room.slowMode ?? 0);
    choose(this.#waitLimit, room.waitLimit ?? 0);
    this.#isLocked.checked = room.isLocked === true;
    this.#isPermanent.checked = room.isPermanent === true;
    this.#isPublic.checked = room.isPublic === true;
    this.#takeAway.hidden = !room.hasPassword;
    this.#password.placeholder = say(room.hasPassword ? "hasPassword" : "hasNoPassword");
  }

  async #setPassword(event) {
    event.preventDefault();
    const password = this.#password.value;
    if (!password) return;
    this.#password.value = "";
    await this.#set({ password }, "passwordSet");
  }

  async #set(settings, done) {
    const problem = refusal(await this.#connection.ask("party:set", settings));
    if (problem) this.#complain(problem);
    else if (done) this.#tell(done);
    this.#show();
  }
}

/** Chooses `value`, also one that is not among those offered. */
function choose(select, value) {
  if (![...select.options].some((option) => Number(option.value) === value)) {
    select.append(element("option", { value }, say("seconds", value)));
  }
  select.value = value;
}
