/**
 * Panels behind tabs: in two groups where there is space for two columns, in one group where there is not.
 *
 * Groups are `.panels` elements with a `[role=tablist]`. A panel is an element that names its tab by `data-tab`, a key of
 * the texts; the group that it is in at first is its home.
 */

import { element, setText } from "./elements.js";
import { say } from "./texts.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Panels {
  #groups;
  #tabs;
  #narrow;
  #listener;

  /**
   * `main` takes the panels of `side` in while the media query `narrow` holds; `shown()` is called when the reader has
   * chosen a panel.
   */
  constructor(main, side, narrow, shown = () => {}) {
    this.#groups = [main, side].map((card) => ({ card, list: card.querySelector("[role=tablist]"), chosen: null }));
    this.#tabs = this.#groups.flatMap((home) =>
      [...home.card.querySelectorAll("[data-tab]")].map((panel) => this.#furnish(panel, home)),
    );
    this.#listener = shown;
    this.#narrow = matchMedia(narrow);
    this.#narrow.addEventListener("change", () => this.#arrange());
    this.#arrange();
  }

  /** Offers a panel or takes it away; the one behind it in its group is shown instead. */
  offer(id, isOffered) {
    const tab = this.#tabOf(id);
    if (tab.isOffered === isOffered) return;
    tab.isOffered = isOffered;
    this.#arrange();
  }

  /** Brings a panel to the front of the group that it is in. */
  show(id) {
    const tab = this.#tabOf(id);
    if (!tab.isOffered) return;
    this.#groupOf(tab).chosen = tab;
    tab.isMarked = false;
    this.#arrange();
  }

  /** Brings a panel to the front where it is at home, and leaves a single group as the reader has it. */
  prefer(id) {
    const tab = this.#tabOf(id);
    tab.home.chosen = tab;
    this.#arrange();
  }

  /** Whether a panel is in front of its group. */
  isShown(id) {
    return !this.#tabOf(id).panel.hidden;
  }

  /** What stands beside the name of a tab, such as a count; empty for nothing. */
  note(id, text) {
    const tab = this.#tabOf(id);
    setText(tab.count, text);
    tab.count.hidden = text === "";
  }

  /** Marks a panel that has something new and is not in front, until it is. */
  mark(id) {
    const tab = this.#tabOf(id);
    if (!tab.panel.hidden || tab.isMarked) return;
    tab.isMarked = true;
    this.#arrange();
  }

  /** Names the tabs in the language of the moment. */
  render() {
    for (const { name, panel } of this.#tabs) setText(name, say(panel.dataset.tab));
  }

  #furnish(panel, home) {
    const name = element("span", { class: "tab-name" });
    const count = element("span", { class: "count", hidden: true });
    const button = element(
      "button",
      { type: "button", role: "tab", class: "tab", id: `${panel.id}-tab`, "aria-controls": panel.id },
      name,
      count,
    );
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    const tab = { panel, home, button, name, count, isOffered: true, isMarked: false };
    button.addEventListener("click", () => {
      this.show(panel.id);
      this.#listener();
    });
    button.addEventListener("keydown", (event) => this.#step(event, tab));
    return tab;
  }

  #tabOf(id) {
    return this.#tabs.find((tab) => tab.panel.id === id);
  }

  #groupOf(tab) {
    return this.#narrow.matches ? this.#groups[0] : tab.home;
  }

  #offered(group) {
    return this.#tabs.filter((tab) => tab.isOffered && this.#groupOf(tab) === group);
  }

  #arrange() {
    for (const group of this.#groups) {
      const tabs = this.#offered(group);
      if (tabs.length > 0 && !tabs.includes(group.chosen)) group.chosen = tabs[0];
      group.card.hidden = tabs.length === 0;
      place(group.list, tabs.map((tab) => tab.button));
      for (const { panel } of tabs) if (panel.parentElement !== group.card) group.card.append(panel);
    }
    for (const tab of this.#tabs) {
      const isChosen = tab.isOffered && this.#groupOf(tab).chosen === tab;
      tab.panel.hidden = !isChosen;
      tab.button.setAttribute("aria-selected", String(isChosen));
      tab.button.tabIndex = isChosen ? 0 : -1;
      tab.button.classList.toggle("is-marked", tab.isMarked && !isChosen);
    }
  }

  #step(event, tab) {
    const tabs = this.#offered(this.#groupOf(tab));
    const place = tabs.indexOf(tab);
    const ends = { Home: 0, End: tabs.length - 1 };
    const step = STEPS[event.key];
    if (step === undefined && ends[event.key] === undefined) return;
    event.preventDefault();
    const next = tabs[ends[event.key] ?? (place + step + tabs.length) % tabs.length];
    next.button.focus();
    next.button.click();
  }
}

/** Makes `children` the children of `list`, touching none that is where it belongs. */
function place(list, children) {
  for (const child of [...list.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, index) => {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
}
