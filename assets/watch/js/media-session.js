/** The film on lock screens and media keys; the keys act on the room for whoever may steer it. */

import { say } from "../common/texts.js";
import { titleOf } from "./film.js";

/** Shows `film`, or nothing; `controls` maps media session actions to what they do. */
export function renderMediaSession(film, canControl, controls) {
  const session = navigator.mediaSession;
  if (!session) return;
  const title = film ? (titleOf(film) ?? say("untitled")) : null;
  if ((session.metadata?.title ?? null) !== title) {
    session.metadata = title === null ? null : new MediaMetadata({ title, artist: "roomhub" });
  }
  for (const [action, act] of Object.entries(controls)) session.setActionHandler(action, film && canControl ? act : null);
}
