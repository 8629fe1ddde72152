/** Plays on a loudspeaker or a screen nearby, where the browser knows of one. */

import { byId } from "../common/elements.js";

export class Casting {
  constructor(audio) {
    const cast = byId("cast");
    const { remote } = audio;
    if (!cast || !remote) return;
    cast.addEventListener("click", () => remote.prompt().catch(() => {}));
    const note = () => cast.setAttribute("aria-pressed", String(remote.state !== "disconnected"));
    for (const change of ["connecting", "connect", "disconnect"]) remote.addEventListener(change, note);
    note();
    // A browser that cannot watch may still ask.
    remote.watchAvailability((isThere) => (cast.hidden = !isThere)).catch(() => {});
  }
}
