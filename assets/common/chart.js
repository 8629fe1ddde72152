/** Bars of the last hour, one a minute, drawn as SVG. */

import { drawing } from "./elements.js";

const MINUTES = 60;
const HEIGHT = 100;
/** From bar to bar. */
const STEP = 10;
const GAP = 2;
/** The least height of a bar, if something happened in its minute. */
const LEAST = 2;

/** A chart of `values`, the latest on the right; `label` says it to screen readers, `titles` name the bars. */
export function chart(values, label, titles = []) {
  const highest = Math.max(1, ...values);
  const bars = values.map((value, index) => {
    const height = value ? Math.max(LEAST, (value / highest) * HEIGHT) : 0;
    const x = (MINUTES - values.length + index) * STEP + GAP / 2;
    const bar = drawing("rect", { x, y: HEIGHT - height, width: STEP - GAP, height });
    if (titles[index]) bar.append(drawing("title", {}, titles[index]));
    return bar;
  });
  const size = { viewBox: `0 0 ${MINUTES * STEP} ${HEIGHT}`, preserveAspectRatio: "none" };
  return drawing("svg", { class: "chart", role: "img", "aria-label": label, ...size }, ...bars);
}
