/** Keys that steer the film, wherever the focus is, except where something is written or chosen. */

const WRITES = "input:not([type=range], [type=checkbox], [type=file]), textarea, select, [contenteditable], dialog[open] *";
/** What a key already does on these is left to them. */
const PRESSES = "button, a, summary, label, [role=tab], input";

/** `actions` maps names of keys to what they do; `isActive()` is whether there is a film to steer. */
export function listenToKeys(actions, isActive) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isActive()) return;
    const { target } = event;
    if (target.matches(WRITES)) return;
    const isOwn = event.key === " " || event.key.startsWith("Arrow");
    if (isOwn && target.matches(PRESSES)) return;
    const act = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
