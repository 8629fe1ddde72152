/**
 * Moving the items of a list by their handles: dragged with a mouse, a pen or a finger, or with the arrow keys.
 *
 * An item is a child of the list; a handle is what in it matches `[data-handle]`. While something is dragged the list
 * must not be drawn anew: `isDragging` says so, and `settled()` is called when that is over.
 */

/** This close to an edge of the window (pixels), dragging scrolls, by at most so many pixels a frame. */
const EDGE = 72;
const SCROLL_MOST = 14;

export class Reorder {
  #list;
  #listener;
  #drag = null;

  /** `listener` has `move(from, to)`, with places in the list, and `settled()`. */
  constructor(list, listener) {
    this.#list = list;
    this.#listener = listener;
    list.addEventListener("pointerdown", (event) => this.#take(event));
    list.addEventListener("keydown", (event) => this.#step(event));
    addEventListener("keydown", (event) => event.key === "Escape" && this.#letGo());
  }

  get isDragging() {
    return this.#drag !== null;
  }

  #take(event) {
    const handle = event.target.closest("[data-handle]");
    if (!handle || handle.disabled || event.button !== 0 || this.#drag) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    const items = [...this.#list.children];
    const from = items.findIndex((each) => each.contains(handle));
    const item = items[from];
    const middles = items.map((each) => middleOf(each) + scrollY);
    this.#drag = { handle, items, item, from, to: from, middles, startY: event.clientY + scrollY, y: event.clientY };
    handle.setPointerCapture(event.pointerId);
    item.classList.add("is-dragged");
    const follow = (moved) => {
      if (this.#drag) this.#drag.y = moved.clientY;
      this.#follow();
    };
    const drop = () => this.#drop();
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("pointerup", drop, { once: true });
    handle.addEventListener("lostpointercapture", () => this.#letGo(), { once: true });
    this.#drag.release = () => {
      handle.removeEventListener("pointermove", follow);
      handle.removeEventListener("pointerup", drop);
    };
    this.#scroll();
  }

  #follow() {
    const drag = this.#drag;
    if (!drag) return;
    const shift = drag.y + scrollY - drag.startY;
    const middle = drag.middles[drag.from] + shift;
    drag.to = drag.middles.filter((each, place) => place !== drag.from && each < middle).length;
    const height = drag.item.offsetHeight;
    drag.items.forEach((each, place) => {
      const isPassedDown = place > drag.from && place <= drag.to;
      const isPassedUp = place < drag.from && place >= drag.to;
      const offset = place === drag.from ? shift : isPassedDown ? -height : isPassedUp ? height : 0;
      each.style.setProperty("translate", offset === 0 ? "none" : `0 ${offset}px`);
    });
  }

  #scroll() {
    const drag = this.#drag;
    if (!drag) return;
    const below = drag.y - (innerHeight - EDGE);
    const above = EDGE - drag.y;
    const speed = below > 0 ? below : above > 0 ? -above : 0;
    if (speed !== 0) {
      scrollBy(0, Math.sign(speed) * Math.min(SCROLL_MOST, Math.abs(speed) / 4));
      this.#follow();
    }
    requestAnimationFrame(() => this.#scroll());
  }

  #drop() {
    const { from, to } = this.#drag ?? {};
    this.#letGo(() => from !== to && this.#listener.move(from, to));
  }

  #letGo(before = () => {}) {
    const drag = this.#drag;
    if (!drag) return;
    this.#drag = null;
    drag.release();
    drag.item.classList.remove("is-dragged");
    for (const each of drag.items) each.style.removeProperty("translate");
    before();
    this.#listener.settled();
  }

  #step(event) {
    const handle = event.target.closest("[data-handle]");
    if (!handle || this.#drag) return;
    const items = [...this.#list.children];
    const from = items.findIndex((item) => item.contains(handle));
    const last = items.length - 1;
    const to = { ArrowUp: from - 1, ArrowDown: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to !== from && to >= 0 && to <= last) this.#listener.move(from, to);
  }
}

function middleOf(item) {
  const { top, height } = item.getBoundingClientRect();
  return top + height / 2;
}
