/** What is configured, and where each value comes from. */

import { byId, element, emptyNote } from "../common/elements.js";
import { ask } from "../common/server.js";
import { say } from "../common/texts.js";

const DEFAULT = "default";

export class ConfigurationView {
  #values = null;
  #find = byId("find-key");
  #onlySet = byId("only-set");

  constructor() {
    this.#find.addEventListener("input", () => this.render());
    this.#onlySet.addEventListener("change", () => this.render());
  }

  /** It does not change while the process lives, so it is asked for once. */
  async refresh() {
    if (this.#values) return;
    this.#values = (await ask("v1/configuration")).values;
    this.render();
  }

  forget() {
    this.#values = null;
    byId("configuration").replaceChildren();
  }

  render() {
    if (!this.#values) return;
    const sought = this.#find.value.trim().toLowerCase();
    const isShown = ({ key, source }) =>
      key.includes(sought) && (!this.#onlySet.checked || source !== DEFAULT);
    const rows = this.#values.filter(isShown).map(({ key, value, source }) =>
      element(
        "tr",
        { class: source === DEFAULT ? "" : "is-set" },
        element("td", { class: "key" }, element("code", {}, key)),
        element("td", { class: "value" }, element("code", {}, value)),
        element("td", { class: "source" }, source === DEFAULT ? say("sourceDefault") : source),
      ),
    );
    const heads = ["key", "value", "source"].map((name) => element("th", { scope: "col" }, say(`head_${name}`)));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    byId("configuration").replaceChildren(rows.length ? table : emptyNote(say("noValues")));
  }
}
