/** Making and finding elements. Text is always text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

export function element(tag, attributes = {}, ...children) {
  return furnished(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, tag), attributes, children);
}

/** A button that calls `press`; `content` is its text or an element. */
export function button(content, press, attributes = {}) {
  const made = element("button", { type: "button", class: "outlined", ...attributes }, content);
  made.addEventListener("click", press);
  return made;
}

/** One of the symbols of `icons.svg`. */
export function icon(name) {
  return drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: iconAddress(name) }));
}

/** What a `use` element refers to in order to show the symbol `name`. */
export function iconAddress(name) {
  return `assets/common/icons.svg#${name}`;
}

/** What a list shows when there is nothing to list. */
export function emptyNote(text) {
  return element("p", { class: "empty" }, text);
}

/** Sets a text only when it differs, so that a screen reader is not told twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes a change that may replace the focused element, and focuses the one with the same `data-focus` afterwards. */
export function keepingFocus(change) {
  const key = document.activeElement?.dataset.focus;
  change();
  if (key) document.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus();
}

function furnished(target, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) target.setAttribute(name, value === true ? "" : value);
  }
  target.append(...children);
  return target;
}
