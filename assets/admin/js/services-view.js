/** The services with what they hold: whatever it is, it is an item with a title, details, actions, and items in it. */

import { chart } from "../common/chart.js";
import { button, byId, element, emptyNote } from "../common/elements.js";
import { isSayable, moment, say } from "../common/texts.js";
import { askFor, confirm } from "./question.js";

const BAN_MINUTES = "60";
/** Details that are moments. */
const MOMENTS = ["since", "until"];

/** `act(order)` has the server do something; null, if the reader may only look. */
export function showServices(services, act) {
  byId("services").replaceChildren(...services.map((service) => serviceCard(service, act)));
}

function serviceCard({ name, isReady, readiness, connections, overview }, act) {
  const figures = [["connections", connections], ...(overview?.figures ?? [])];
  const unusual = readiness.split("\n").filter((line) => !/^(\w+: )?ready$/.test(line));
  const remarks = unusual.length ? [element("p", { class: "readiness hint" }, unusual.join("\n"))] : [];
  return element(
    "article",
    { class: "card service", "data-service": name },
    element(
      "header",
      { class: "card-top" },
      element(
        "h2",
        { class: "heading" },
        name,
        element("span", { class: `badge ${isReady ? "is-strong" : "bad"}` }, say(isReady ? "ready" : "notReady")),
      ),
      element("dl", { class: "figures" }, ...figures.map(figure)),
    ),
    ...remarks,
    ...charts(overview?.charts ?? []),
    ...(overview?.sections ?? []).map((section) => sectionPart(name, section, act)),
  );
}

function figure([name, value]) {
  return element("div", {}, element("dt", {}, word("figure", name)), element("dd", {}, String(value)));
}

function charts(given) {
  if (!given.some(([, past]) => past.length)) return [];
  const tiles = given.map(([name, past]) => {
    const title = word("chart", name);
    const label = say("chartOf", title, past.at(-1) ?? 0, Math.max(0, ...past));
    const caption = element("figcaption", {}, title, element("strong", {}, String(past.at(-1) ?? 0)));
    return element("figure", { class: "tile" }, caption, chart(past, label));
  });
  return [element("div", { class: "tiles" }, ...tiles)];
}

function sectionPart(service, { name, items, nMore }, act) {
  const count = element("span", { class: "count" }, String(items.length + nMore));
  const shown = items.length ? items.map((item) => itemArticle(service, item, act)) : [emptyNote(word("none", name))];
  return element(
    "section",
    { class: "part", "data-section": name },
    element("h3", {}, word("section", name), " ", count),
    ...shown,
    ...more(nMore),
  );
}

function itemArticle(service, item, act) {
  const inside = item.items.map((each) =>
    element("li", {}, words(each, "span"), buttons(service, each, item, act)),
  );
  return element(
    "article",
    { class: "item", "data-item": item.id },
    element("header", { class: "card-top" }, words(item, "h4"), buttons(service, item, null, act)),
    ...(inside.length ? [element("ul", { class: "rows" }, ...inside)] : []),
    ...more(item.nMore),
  );
}

function words({ id, title, badges, details }, tag) {
  const known = title || id;
  return element(
    "div",
    { class: "words" },
    element(tag, { class: "name" }, known),
    ...(known === id ? [] : [element("code", { class: "soft" }, id)]),
    ...badges.map((badge) => element("span", { class: "badge" }, word("badge", badge))),
    ...details.map(([name, text]) =>
      element("span", { class: "detail" }, say("detail", word("detail", name), MOMENTS.includes(name) ? moment(text) : text)),
    ),
  );
}

function buttons(service, item, within, act) {
  const offered = act ? item.actions : [];
  return element(
    "div",
    { class: "buttons" },
    ...offered.map((action) =>
      button(word("action", action.name), () => press(service, item, within, action, act), {
        class: `outlined is-compact ${action.isGrave ? "danger" : ""}`,
        "data-focus": `${action.name} ${item.id}`,
      }),
    ),
  );
}

async function press(service, item, within, { name, input, isGrave }, act) {
  const title = item.title || item.id;
  const order = { service, action: name, kind: item.kind, id: item.id };
  if (within) order.within = within.id;
  if (input) {
    const isNumber = input === "minutes";
    const answer = await askFor(say(`ask_${name}`, title), isNumber ? "number" : "text", isNumber ? BAN_MINUTES : "");
    if (!answer) return;
    order.input = answer;
  } else if (isGrave && !(await confirm(say(`ask_${name}`, title)))) {
    return;
  }
  await act(order);
}

function more(n) {
  return n ? [element("p", { class: "hint more" }, say("andMore", n))] : [];
}

/** What a name of the server's is called here; the name itself, if this page does not know it. */
function word(group, name) {
  const key = `${group}_${name}`;
  return isSayable(key) ? say(key) : name;
}
