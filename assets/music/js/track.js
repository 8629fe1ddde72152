/**
 * A track: `{id, url, title, name, artist}` when it is ours. Other clients' tracks have `name` and `artist` and no
 * address; ours have both for their sake. Pure.
 */

import { base } from "../common/base.js";
import { freshId } from "../common/identifiers.js";
import { ownFileId } from "../common/media.js";

export const SAMPLE = Object.freeze({
  id: "sample",
  url: "/assets/sample.wav",
  title: "Roomhub sample",
  name: "Roomhub sample",
  artist: "roomhub",
});

/** Endings of files that no audio element plays. */
const NO_AUDIO = /\.(m3u|mpd|pls|xspf|html?|php|aspx?|pdf|txt|zip|rar|7z|jpe?g|png|gif|webp|svg)$/i;

/** Sites whose addresses are pages with a player, never audio. */
const PLAYER_PAGES = /(^|\.)(youtube\.com|youtu\.be|bilibili\.com|b23\.tv|vimeo\.com|soundcloud\.com|spotify\.com|music\.apple\.com|music\.163\.com|y\.qq\.com|tiktok\.com|twitch\.tv)$/i;

/** A track from what somebody typed, or null if that is not a web address. */
export function trackFromAddress(typed) {
  const url = webAddress(typed.trim());
  if (!url) return null;
  const { title, artist } = wordsFrom(url);
  return { id: freshId(), url: url.href, title, name: title, artist: artist ?? url.host };
}

/** What an address is, as far as it tells, if it is no audio file: "list", "playlist", "page", or null. */
export function kindWithoutAudio(address) {
  const url = new URL(address);
  if (PLAYER_PAGES.test(url.hostname)) return "page";
  const ending = NO_AUDIO.exec(url.pathname)?.[1].toLowerCase();
  if (!ending) return null;
  if (ending === "m3u") return "list";
  return ["mpd", "pls", "xspf"].includes(ending) ? "playlist" : "page";
}

/** A track out of the list of the server's own files; it says what else there is, so that nobody asks in vain. */
export function trackFromItem({ id, title, artist, poster, lyrics }) {
  const more = { ...(poster && { hasCover: true }), ...(lyrics && { hasLyrics: true }) };
  return { id, url: `media/file/${id}`, title, name: title, artist: artist ?? "", ...more };
}

/** Where a browser can load this track from, or null; a file of the server's own needs a ticket besides. */
export function sourceOf(track) {
  return typeof track?.url === "string" ? (webAddress(track.url)?.href ?? null) : null;
}

/** The title to show, or null for a track without one. */
export function titleOf(track) {
  const title = firstText(track?.title, track?.name);
  if (title) return title;
  const source = sourceOf(track);
  return source && wordsFrom(new URL(source)).title;
}

/** The line under the title: the artist, else the host that the audio comes from, else null. */
export function bylineOf(track) {
  const artist = firstText(track?.artist, track?.artists);
  if (artist) return artist;
  const source = sourceOf(track);
  if (!source) return null;
  const { host } = new URL(source);
  return host === location.host ? null : host;
}

function webAddress(typed) {
  if (!typed) return null;
  if (typed === SAMPLE.url) return new URL("assets/sample.wav", base);
  if (ownFileId(typed) !== null) return new URL(typed, base);
  const looksBare = /^[\w-]+(\.[\w-]+)+(:\d+)?\//.test(typed);
  try {
    const url = new URL(looksBare ? `https://${typed}` : typed, location.origin);
    const isWeb = url.protocol === "http:" || url.protocol === "https:";
    const isMeant = looksBare || /^(https?:)?\//i.test(typed);
    return isWeb && isMeant ? url : null;
  } catch {
    return null;
  }
}

/** Title and artist, if there is one, out of `Artist - Title`. */
export function wordsOf(name) {
  const [artist, ...rest] = name.split(" - ");
  const title = rest.join(" - ").trim();
  return artist.trim() && title ? { title, artist: artist.trim() } : { title: name, artist: null };
}

/** Title and artist out of a file name like `Artist - Title.mp3`. */
function wordsFrom(url) {
  const file = url.pathname.split("/").filter(Boolean).pop() ?? "";
  let name = file;
  try {
    name = decodeURIComponent(file);
  } catch {
    name = file;
  }
  const { title, artist } = wordsOf(name.replace(/\.[a-z0-9]{2,5}$/i, "").replace(/[_+]+/g, " ").trim());
  return { title: title || url.host, artist };
}

function firstText(...values) {
  for (const value of values.flat()) {
    if (typeof value === "string" && value.trim()) return value.trim();
    if (typeof value?.name === "string" && value.name.trim()) return value.name.trim();
  }
  return null;
}
