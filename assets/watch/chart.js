// A small chart of the last hour: one bar a minute, drawn as SVG.

const SVG = "http://www.w3.org/2000/svg";
const MINUTES = 60;
const HEIGHT = 40;

/** A figure with a title, its present value and its bars. */
export function chart(title, values, now) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.append(title, " ", strong(now));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${MINUTES} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}: ${now}; ↑ ${Math.max(0, ...values)}`);
  const highest = Math.max(1, ...values);
  values.forEach((value, index) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = (value / highest) * HEIGHT;
    bar.setAttribute("x", MINUTES - values.length + index);
    bar.setAttribute("y", HEIGHT - height);
    bar.setAttribute("width", 0.8);
    bar.setAttribute("height", height);
    svg.append(bar);
  });
  figure.append(caption, svg);
  return figure;
}

function strong(text) {
  const element = document.createElement("strong");
  element.textContent = text;
  return element;
}
