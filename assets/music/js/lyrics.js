/** Lyrics with the moments at which they are sung, as `.lrc` files have them. Pure; moments in seconds. */

/** A file with more lines is not a song. */
const MOST_LINES = 2000;
const STAMP = /^\s*\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]/;
const WORD_STAMP = /<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>/g;
const OFFSET = /^\s*\[offset:\s*([+-]?\d+)\s*\]/im;

/** The lines of an `.lrc`, `{at, text}` in the order in which they are sung. */
export function readLyrics(text) {
  const shift = Number(OFFSET.exec(text)?.[1] ?? 0) / 1000;
  const lines = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const { moments, rest } = stampsOf(line);
    for (const at of moments) lines.push({ at: Math.max(0, at - shift), text: rest.replace(WORD_STAMP, "").trim() });
    if (lines.length >= MOST_LINES) break;
  }
  return lines.sort((a, b) => a.at - b.at);
}

/** The place of the line that is sung at `position`; -1 before the first. */
export function lineAt(lines, position) {
  let from = 0;
  let to = lines.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (lines[middle].at <= position) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

/** A line may have several moments: a refrain is written once. */
function stampsOf(line) {
  const moments = [];
  let rest = line;
  for (let stamp = STAMP.exec(rest); stamp; stamp = STAMP.exec(rest)) {
    const [whole, minutes, seconds] = stamp;
    moments.push(Number(minutes) * 60 + Number(seconds.replace(":", ".")));
    rest = rest.slice(whole.length);
  }
  return { moments, rest };
}
