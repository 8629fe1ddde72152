/** Bars of the last hour, one a minute, drawn as SVG. */

import { drawing } from "./elements.js";

const MINUTES = 60;
const HEIGHT = 100;
/** Room for a bar, and the bar itself. */
const STEP = 10;
const WIDTH = 8;
/** Of the bar of a minute in which something happened, and of any other one. */
const LEAST = 2;
const NOTHING = 0.5;

/** A chart of `values`, the latest on the right; `label` says it to screen readers, `titles` name the bars. */
export function chart(values, label, titles = []) {
  const highest = Math.max(1, ...values);
  const bars = values.map((value, index) => {
    const height = Math.max(value ? LEAST : NOTHING, (value / highest) * HEIGHT);
    const x = (MINUTES - values.length + index) * STEP + (STEP - WIDTH) / 2;
    const bar = drawing("rect", { x, y: HEIGHT - height, width: WIDTH, height });
    if (titles[index]) bar.append(drawing("title", {}, titles[index]));
    return bar;
  });
  const size = { viewBox: `0 0 ${MINUTES * STEP} ${HEIGHT}`, preserveAspectRatio: "none" };
  return drawing("svg", { class: "chart", role: "img", "aria-label": label, ...size }, ...bars);
}
