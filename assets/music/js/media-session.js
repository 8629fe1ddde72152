/** The track on lock screens and media keys. A member's keys act on the own sound only, as the browser does by itself. */

import { say } from "../common/texts.js";
import { bylineOf, titleOf } from "./track.js";

/** Shows `room`; `controls` maps each right to what media session actions do for who has it. */
export function renderMediaSession(room, controls) {
  const session = navigator.mediaSession;
  if (!session) return;
  const title = room?.track ? (titleOf(room.track) ?? say("untitled")) : null;
  if ((session.metadata?.title ?? null) !== title) {
    session.metadata = title === null ? null : new MediaMetadata({ title, artist: bylineOf(room.track) ?? "" });
  }
  for (const [right, actions] of Object.entries(controls)) {
    for (const [action, act] of Object.entries(actions)) session.setActionHandler(action, room?.may(right) ? act : null);
  }
}
