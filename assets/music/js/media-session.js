/** The track on lock screens and media keys. A member's keys act on the own sound only, as the browser does by itself. */

import { say } from "../common/texts.js";
import { bylineOf, titleOf } from "./track.js";

/** Shows `room`; `controls` maps media session actions to what they do while you are the host. */
export function renderMediaSession(room, controls) {
  const session = navigator.mediaSession;
  if (!session) return;
  const title = room?.track ? (titleOf(room.track) ?? say("untitled")) : null;
  if ((session.metadata?.title ?? null) !== title) {
    session.metadata = title === null ? null : new MediaMetadata({ title, artist: bylineOf(room.track) ?? "" });
  }
  for (const [action, act] of Object.entries(controls)) {
    session.setActionHandler(action, room?.isHost ? act : null);
  }
}
