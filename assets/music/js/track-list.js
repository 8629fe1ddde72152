/** Tracks out of an M3U playlist: one address a line, with its title in the `#EXTINF` before it. */

import { trackFromAddress, wordsOf } from "./track.js";

/** Tracks of one list; a queue holds not many more. */
const MOST_TRACKS = 200;
const MOST_CHARACTERS = 1_000_000;
/** A list that takes longer to come is none. */
const WITHIN_MS = 8000;

/** The tracks of the list at `address`; none if it cannot be read, or is none. */
export async function tracksOfList(address) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(WITHIN_MS) });
    const text = response.ok ? await response.text() : "";
    return readList(text.slice(0, MOST_CHARACTERS), address);
  } catch {
    return [];
  }
}

function readList(text, address) {
  const tracks = [];
  let title = null;
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    // Segments of a stream are no tracks.
    if (line.startsWith("#EXT-X-")) return [];
    if (line.startsWith("#EXTINF:")) title = line.slice(line.indexOf(",") + 1).trim() || null;
    if (line === "" || line.startsWith("#")) continue;
    const track = URL.canParse(line, address) ? trackFromAddress(new URL(line, address).href) : null;
    if (track) tracks.push(title ? named(track, title) : track);
    title = null;
    if (tracks.length === MOST_TRACKS) break;
  }
  return tracks;
}

function named(track, words) {
  const { title, artist } = wordsOf(words);
  return { ...track, title, name: title, artist: artist ?? track.artist };
}
