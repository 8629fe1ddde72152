/**
 * Where the room is in what plays, as the server last said. Pure; positions in seconds, moments in server milliseconds.
 *
 * A playhead is `{track, isPlaying, position, at}`, and `speed` where a room has one; `length` (seconds) is how long the
 * track is, where that is not to be asked of a stream that is still being made.
 */

/** Takes a `room-playhead` event; what is missing or malformed becomes its neutral value. */
export function readPlayhead(event) {
  return {
    track: event.track && typeof event.track === "object" ? event.track : null,
    isPlaying: event.isPlaying === true,
    position: Number.isFinite(event.currentTime) ? Math.max(0, event.currentTime) : 0,
    at: Number.isFinite(event.at) ? event.at : 0,
  };
}

/** The position at which everybody should be at server time `now`. */
export function positionAt(playhead, now) {
  if (!playhead.isPlaying) return playhead.position;
  return Math.max(0, playhead.position + ((now - playhead.at) / 1000) * (playhead.speed ?? 1));
}
