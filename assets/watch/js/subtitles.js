/** Subtitles from SRT and WebVTT, and which of them to show when. Pure; seconds throughout. */

/** Cues of more than this are not read: no film has so many. */
const MOST_CUES = 20_000;
const TIMES = /((?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3})/;
const ENTITIES = { amp: "&", lt: "<", gt: ">", nbsp: " ", lrm: "", rlm: "", quot: '"' };

/** The cues of a file, `[{start, end, text}]` in the order of their starts. */
export function readSubtitles(text) {
  const cues = [];
  let lines = null;
  for (const line of text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/)) {
    const times = TIMES.exec(line);
    if (times) {
      if (cues.length >= MOST_CUES) break;
      lines = [];
      cues.push({ start: seconds(times[1]), end: seconds(times[2]), lines });
    } else if (line.trim() === "") {
      lines = null;
    } else {
      lines?.push(line);
    }
  }
  return cues
    .map(({ start, end, lines }) => ({ start, end, text: plain(lines.join("\n")) }))
    .filter(({ start, end, text }) => end > start && text)
    .sort((a, b) => a.start - b.start);
}

/** What stands on the picture at `position`. */
export function textAt(cues, position) {
  return cues
    .filter(({ start, end }) => start <= position && position < end)
    .map(({ text }) => text)
    .join("\n");
}

/** The text of a file, in UTF-8 or, where that makes no sense, in the encoding that most Chinese subtitles have. */
export function decodeText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const isUtf16 = bytes[0] + bytes[1] === 0xff + 0xfe;
    return new TextDecoder(isUtf16 ? (bytes[0] === 0xff ? "utf-16le" : "utf-16be") : "gb18030").decode(bytes);
  }
}

function seconds(time) {
  return time
    .replace(",", ".")
    .split(":")
    .reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** Without marks for slant, colour and place. */
function plain(text) {
  return text
    .replace(/<[^>\n]*>|\{\\[^}\n]*\}/g, "")
    .replace(/&(\w+);/g, (entity, name) => ENTITIES[name] ?? entity)
    .trim();
}
