/** A track: `{id, url, title}` when it is ours; other clients' tracks have `name` and `artist` and no address. Pure. */

import { freshId } from "./identifiers.js";

export const SAMPLE = Object.freeze({ id: "sample", url: "/assets/sample.wav", title: "Roomhub sample" });

/** A track from what somebody typed, or null if that is not a web address. */
export function trackFromAddress(typed) {
  const url = webAddress(typed.trim());
  return url && { id: freshId(), url: url.href, title: titleFrom(url) };
}

/** Where a browser can load this track from, or null. */
export function sourceOf(track) {
  return typeof track?.url === "string" ? (webAddress(track.url)?.href ?? null) : null;
}

/** The title to show, or null for a track without one. */
export function titleOf(track) {
  const title = firstText(track?.title, track?.name);
  if (title) return title;
  const source = sourceOf(track);
  return source && titleFrom(new URL(source));
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

function titleFrom(url) {
  const file = url.pathname.split("/").filter(Boolean).pop() ?? "";
  let name = file;
  try {
    name = decodeURIComponent(file);
  } catch {
    name = file;
  }
  name = name.replace(/\.[a-z0-9]{2,5}$/i, "").replace(/[_+]+/g, " ").trim();
  return name || url.host;
}

function firstText(...values) {
  for (const value of values.flat()) {
    if (typeof value === "string" && value.trim()) return value.trim();
    if (typeof value?.name === "string" && value.name.trim()) return value.name.trim();
  }
  return null;
}
