// Messages per minute as bars, each with its own title.

import { element, find } from "./elements.js";
import { text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const MINUTE = 60_000;
const HEIGHT = 100;

export function show({ since, minutes }) {
  const counts = new Map(minutes.map(({ at, messages }) => [at, messages]));
  const most = Math.max(0, ...counts.values());
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 600 ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const summary = `${text("last")}: ${total}; ${text("most")} ${most} ${text("aMinute")}`;
  svg.setAttribute("aria-label", summary);
  for (let place = 0; place < 60; place += 1) {
    const at = since + place * MINUTE;
    const n = counts.get(at) ?? 0;
    const bar = document.createElementNS(SVG, "rect");
    const height = Math.max(n ? 2 : 0.5, n && (n / most) * HEIGHT);
    for (const [name, value] of Object.entries({ x: place * 10 + 1, y: HEIGHT - height, width: 8, height })) {
      bar.setAttribute(name, value);
    }
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${new Date(at).toLocaleTimeString(navigator.language, { timeStyle: "short" })}: ${n}`;
    bar.append(title);
    svg.append(bar);
  }
  find("chart").replaceChildren(svg, element("p", {}, summary));
}
