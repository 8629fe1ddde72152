/**
 * What a page says, in the language that its reader chose, else in the browser's.
 *
 * A further language is one more file in `texts` and its name in `LANGUAGES`; what it lacks is said in English.
 */

import { byId, element } from "./elements.js";
import { recall, remember } from "./memory.js";
import { en } from "./texts/en.js";
import { zh } from "./texts/zh.js";

const LANGUAGES = { en, zh };
/** Services whose rooms have roles, chat and votes, and say what `party` of the texts has. */
const WITH_COMPANY = ["music", "watch"];

let language = firstLanguage();
let service = null;
let texts = {};

/**
 * Speaks for `name`, a service: fills in the fixed texts of the document and lets `#language` offer all languages.
 * `render` is called when the reader has chosen another one.
 */
export function speak(name, render) {
  service = name;
  take(language);
  const choice = byId("language");
  const option = ([value, { tag, title }]) => element("option", { value, lang: tag }, title);
  choice.append(...Object.entries(LANGUAGES).map(option));
  choice.value = language;
  choice.addEventListener("change", () => {
    remember("language", choice.value);
    take(choice.value);
    render();
  });
}

/** The sentence `key`, with its blanks filled from `values`. */
export function say(key, ...values) {
  const text = texts[key];
  return typeof text === "function" ? text(...values) : text;
}

export function isSayable(key) {
  return typeof key === "string" && Object.hasOwn(texts, key);
}

/** Says the fixed texts of `root` and of all elements in it: what their `data-say`, `data-say-label` and `data-say-placeholder` name. */
export function fill(root) {
  const all = (selector) => [root, ...root.querySelectorAll(selector)].filter((each) => each.matches?.(selector));
  for (const each of all("[data-say]")) each.textContent = say(each.dataset.say);
  for (const each of all("[data-say-label]")) each.setAttribute("aria-label", say(each.dataset.sayLabel));
  for (const each of all("[data-say-placeholder]")) each.placeholder = say(each.dataset.sayPlaceholder);
}

/** The language as dates and screen readers need it: `zh-CN`. */
export function languageTag() {
  return LANGUAGES[language].tag;
}

/** A moment, given as a date, a text or milliseconds, as the reader writes it. */
export function moment(at, form = { dateStyle: "short", timeStyle: "medium" }) {
  const isOwn = navigator.language?.toLowerCase().startsWith(language);
  return new Date(at).toLocaleString(isOwn ? navigator.language : languageTag(), form);
}

function firstLanguage() {
  const chosen = recall("language");
  if (Object.hasOwn(LANGUAGES, chosen)) return chosen;
  return Object.keys(LANGUAGES).find((code) => navigator.language?.toLowerCase().startsWith(code)) ?? "en";
}

function take(chosen) {
  const spoken = LANGUAGES[chosen];
  language = chosen;
  const sections = ["common", ...(WITH_COMPANY.includes(service) ? ["party"] : []), service];
  texts = Object.assign({}, ...[en, spoken].flatMap((said) => sections.map((section) => said[section])));
  document.documentElement.lang = languageTag();
  fill(document);
}
