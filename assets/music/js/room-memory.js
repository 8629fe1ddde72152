/** The room that a tab is in, remembered for a reload. */

import { recallForTab, rememberForTab } from "../common/memory.js";

const ROOM = "room";
/** A room left for longer (milliseconds) is taken up where it was left, not where it would be. */
const RECENT_MS = 60_000;

/** Keeps the room: `{id, isHost, track, position, isPlaying, queue, secrets}`. */
export function rememberRoom(room) {
  rememberForTab(ROOM, { ...room, rememberedAt: Date.now() });
}

/** The room that this tab was in, its position carried forward to the present; null if there is none. */
export function recallRoom() {
  const room = recallForTab(ROOM);
  if (typeof room?.id !== "string") return null;
  const awayMs = Date.now() - room.rememberedAt;
  const isRecent = awayMs >= 0 && awayMs < RECENT_MS;
  const position = Number.isFinite(room.position) ? room.position : 0;
  return { ...room, position: room.isPlaying && isRecent ? position + awayMs / 1000 : position };
}

export function forgetRoom() {
  rememberForTab(ROOM, null);
}

/** What a host opens the remembered room with when the server has lost it. */
export function formerOpening({ track, position, isPlaying, queue }) {
  const recalledAt = performance.now();
  const sincePageLoad = () => (isPlaying ? (performance.now() - recalledAt) / 1000 : 0);
  return { track: track ?? null, position: () => position + sincePageLoad(), isPlaying, queue: queue ?? [] };
}
