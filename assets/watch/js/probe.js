/** `window.roomhub`: the state of the page to look at, from the console or a test. */

/** `page` has `room()`, `party`, `player` and `clock`. */
export function installProbe({ room, party, player, clock }) {
  window.roomhub = Object.freeze({
    get roomId() {
      return room()?.id ?? null;
    },
    get role() {
      return party.you?.role ?? null;
    },
    get members() {
      return structuredClone(party.members);
    },
    get film() {
      return structuredClone(room()?.playhead?.track ?? null);
    },
    get isPlaying() {
      return room()?.playhead?.isPlaying ?? false;
    },
    get speed() {
      return room()?.playhead?.speed ?? 1;
    },
    get waitsFor() {
      return structuredClone(party.waiting?.for ?? []);
    },
    get isBlocked() {
      return player.isBlocked;
    },
    get offsetMs() {
      return clock.offsetMs;
    },
    get errorMs() {
      return player.errorSeconds === null ? null : player.errorSeconds * 1000;
    },
    serverNow: () => clock.serverNow,
    position: () => player.position,
    targetPosition: () => player.targetPosition,
  });
}
