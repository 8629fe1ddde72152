/** `window.roomhub`: the state of the page to look at, from the console or a test. */

/** `page` has `room()`, `player` and `clock`. */
export function installProbe({ room, player, clock }) {
  window.roomhub = Object.freeze({
    get roomId() {
      return room()?.id ?? null;
    },
    get isHost() {
      return room()?.isHost ?? false;
    },
    get members() {
      return structuredClone(room()?.members ?? []);
    },
    get track() {
      return structuredClone(room()?.track ?? null);
    },
    get queue() {
      return structuredClone(room()?.queue ?? []);
    },
    get isPlaying() {
      return room()?.playhead?.isPlaying ?? false;
    },
    get offsetMs() {
      return clock.offsetMs;
    },
    get roundTripMs() {
      return clock.roundTripMs;
    },
    get errorMs() {
      return player.errorSeconds === null ? null : player.errorSeconds * 1000;
    },
    serverNow: () => clock.serverNow,
    position: () => player.position,
    targetPosition: () => player.targetPosition,
  });
}
