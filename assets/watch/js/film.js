/**
 * What is on the screen: states as MoonTV's clients understand them, and where a browser finds the picture. Pure.
 *
 * A film is `{type: "play", url, currentTime, isPlaying, videoId, videoName, source}`, a channel
 * `{type: "live", channelId, channelName, channelUrl}`. What roomhub's pages add beside those fields others ignore:
 * `subtitles` of the server's files, `seconds` of those that it transcodes, and `copy` of a film that each member has on its own disk.
 */

import { base } from "../common/base.js";
import { freshId } from "../common/identifiers.js";

/** The `source` of the server's own files, of pasted addresses, and of what each member has itself. */
const LIBRARY = "roomhub";
const LINK = "link";
const OWN_COPY = "own-copy";

/** The server's files are named by an address that is relative to the page. */
const SERVER_FILE = /^media\/[\w/.%~-]+$/;
const HLS = /\.m3u8$/i;
/** Endings of addresses that are no film. */
const NO_FILM = /\.(html?|php|aspx?|pdf|txt|zip|rar|7z|torrent|jpe?g|png|gif|webp|svg|mpd)$/i;
/** Sites whose addresses are pages with a player. */
const PLAYER_PAGES = /(^|\.)(youtube\.com|youtu\.be|bilibili\.com|b23\.tv|vimeo\.com|netflix\.com|primevideo\.com|disneyplus\.com|iqiyi\.com|v\.qq\.com|youku\.com|tiktok\.com|twitch\.tv)$/i;

/** Takes a `party:playhead` event; what is missing or malformed becomes its neutral value. */
export function readScreen(event) {
  const state = event.state && typeof event.state === "object" ? event.state : null;
  return {
    track: state,
    isPlaying: state?.type === "live" || event.isPlaying === true,
    position: Number.isFinite(event.position) ? Math.max(0, event.position) : 0,
    speed: Number.isFinite(event.speed) && event.speed > 0 ? event.speed : 1,
    at: Number.isFinite(event.at) ? event.at : 0,
    length: Number.isFinite(state?.seconds) && state.seconds > 0 ? state.seconds : null,
  };
}

/** The state of a film at `url` that stands at its beginning. */
export function filmAt(url, title) {
  return film({ url, videoId: freshId(), videoName: title, source: LINK });
}

/** The state of a channel at `url`. */
export function channelAt(url, title) {
  return { type: "live", channelId: freshId(), channelName: title, channelUrl: url };
}

/** The state of an item of the server's library. */
export function filmFromLibrary({ id, title, seconds, isPlayable, hls, subtitles }) {
  const isMade = !isPlayable && Boolean(hls);
  const state = film({ url: isMade ? hls : `media/file/${id}`, videoId: id, videoName: title, source: LIBRARY, subtitles: subtitles ?? [] });
  // What the server makes while it plays has no end yet.
  return isMade ? { ...state, seconds } : state;
}

/** The state of a film that every member has on its own disk; `copy` is the fingerprint of its chooser's. */
export function filmFromOwnCopy(name, copy) {
  return film({ url: "", videoId: freshId(), videoName: name, source: OWN_COPY, copy });
}

function film(fields) {
  return { type: "play", currentTime: 0, isPlaying: false, ...fields };
}

/** Where the picture of a state is: an address, or null if there is none that a browser can load. */
export function addressOf(state) {
  const given = state?.type === "live" ? state.channelUrl : state?.url;
  if (typeof given !== "string" || given === "") return null;
  if (SERVER_FILE.test(given) && !given.includes("..")) return new URL(given, base).href;
  return webAddress(given)?.href ?? null;
}

/** Whether each member plays the film from its own disk. */
export function isOwnCopy(state) {
  return state?.type === "play" && state.source === OWN_COPY;
}

/** Whether an address of `addressOf` is one of this server's files, which want a ticket. */
export function isServerFile(address) {
  return address.startsWith(new URL("media/", base).href);
}

/** Whether a member's browser needs a player of HTTP Live Streaming for an address. */
export function isHls(address) {
  return HLS.test(new URL(address).pathname);
}

/** The name to show, or null. */
export function titleOf(state) {
  const name = state?.type === "live" ? state.channelName : state?.videoName;
  if (typeof name === "string" && name.trim()) return name.trim();
  const address = addressOf(state);
  return address && titleFrom(new URL(address));
}

/** The address that somebody typed, or null if it is none. */
export function webAddress(typed) {
  const text = typed.trim();
  const looksBare = /^[\w-]+(\.[\w-]+)+(:\d+)?\//.test(text);
  try {
    const url = new URL(looksBare ? `https://${text}` : text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

/** Whether an address is a page and no film, as far as it tells. */
export function isPage(url) {
  return PLAYER_PAGES.test(url.hostname) || NO_FILM.test(url.pathname);
}

/** A title out of a file name like `Night_of_the_Living_Dead.1968.mp4`. */
export function titleFrom(url) {
  return titleOfFile(decoded(url.pathname.split("/").filter(Boolean).pop() ?? "")) || url.host;
}

export function titleOfFile(name) {
  return name.replace(/\.[a-z0-9]{2,5}$/i, "").replace(/[._+]+/g, " ").trim();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
