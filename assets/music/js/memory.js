/**
 * What the browser remembers: name, language and volume for good, the room for as long as the tab lives.
 * Storage may be forbidden; then nothing is remembered and nothing fails.
 */

const ROOM = "roomhub-room";
/** A room left for longer (milliseconds) is taken up where it was left, not where it would be. */
const RECENT_MS = 60_000;

export function recall(key) {
  return read(localStorageOrNull(), `roomhub-${key}`);
}

export function remember(key, value) {
  write(localStorageOrNull(), `roomhub-${key}`, value);
}

/** Keeps the room for a reload of this tab: `{id, isHost, track, position, isPlaying, queue}`. */
export function rememberRoom(room) {
  write(sessionStorageOrNull(), ROOM, { ...room, rememberedAt: Date.now() });
}

/** The room that this tab was in, its position carried forward to the present; null if there is none. */
export function recallRoom() {
  const room = read(sessionStorageOrNull(), ROOM);
  if (typeof room?.id !== "string") return null;
  const awayMs = Date.now() - room.rememberedAt;
  const isRecent = awayMs >= 0 && awayMs < RECENT_MS;
  const position = Number.isFinite(room.position) ? room.position : 0;
  return { ...room, position: room.isPlaying && isRecent ? position + awayMs / 1000 : position };
}

export function forgetRoom() {
  try {
    sessionStorageOrNull()?.removeItem(ROOM);
  } catch {
    return;
  }
}

function read(storage, key) {
  try {
    return JSON.parse(storage?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage?.setItem(key, JSON.stringify(value));
  } catch {
    return;
  }
}

function localStorageOrNull() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function sessionStorageOrNull() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
