/** A picture for a track: rings like the grooves of a record, their colours and gaps drawn from its title. */

import { drawing } from "../common/elements.js";

const PALETTES = [
  ["#1d3b3a", "#7fc4b2", "#f2c98a"],
  ["#2b2d4f", "#9fb0ea", "#f4b8a2"],
  ["#46262d", "#e8a296", "#f5d9a8"],
  ["#23402b", "#a5cf94", "#f0e0a0"],
  ["#153a54", "#84c1e4", "#f6d7b0"],
  ["#3d2c4a", "#c9a5dd", "#f3c1c6"],
];
const N_RINGS = 9;
const CENTRE = 200;

/** Draws into `svg` (its viewBox is 400 wide) the picture that belongs to `seed`. */
export function drawArtwork(svg, seed) {
  if (svg.dataset.seed === seed) return;
  svg.dataset.seed = seed;
  const random = randomFrom(seed);
  const [ground, ring, accent] = PALETTES[Math.floor(random() * PALETTES.length)];
  const brightRing = 2 + Math.floor(random() * (N_RINGS - 4));

  const rings = Array.from({ length: N_RINGS }, (_, index) => {
    const radius = 44 + index * 15.5;
    const isBright = index === brightRing;
    return drawing("circle", {
      cx: CENTRE,
      cy: CENTRE,
      r: radius,
      fill: "none",
      stroke: isBright ? accent : ring,
      "stroke-width": isBright ? 5 : 1.2 + random() * 2.6,
      "stroke-opacity": isBright ? 1 : (0.3 + random() * 0.55).toFixed(2),
      "stroke-linecap": "round",
      "stroke-dasharray": dashes(radius, isBright, random),
      transform: `rotate(${Math.floor(random() * 360)} ${CENTRE} ${CENTRE})`,
    });
  });
  svg.replaceChildren(
    drawing("rect", { width: 400, height: 400, fill: ground }),
    drawing("g", { class: "rings" }, ...rings),
    drawing("circle", { cx: CENTRE, cy: CENTRE, r: 24, fill: accent }),
    drawing("circle", { cx: CENTRE, cy: CENTRE, r: 5, fill: ground }),
  );
}

function dashes(radius, isBright, random) {
  const length = 2 * Math.PI * radius;
  if (isBright) return `${(length * 0.32).toFixed(1)} ${(length * 0.68).toFixed(1)}`;
  const first = 0.25 + random() * 0.4;
  const gap = 0.03 + random() * 0.1;
  const second = (1 - first) * (0.4 + random() * 0.4);
  return [first, gap, second, 1 - first - gap - second].map((part) => Math.max(1, part * length).toFixed(1)).join(" ");
}

/** Numbers from 0 to 1 that are always the same for the same text. */
function randomFrom(text) {
  let state = 2166136261;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 16777619);
  return () => {
    state = Math.imul(state ^ (state >>> 15), 2246822507) + 0x9e3779b9;
    state ^= state >>> 13;
    return (state >>> 0) / 2 ** 32;
  };
}
