/** How the sound loads: files of the server's own with a ticket, playlists of HLS by hls.js, anything else by itself. */

import { base } from "../common/base.js";
import { attachHls, kindOfPlaylist } from "../common/hls.js";
import { withTicket } from "../common/media.js";
import { troubleWith } from "../common/player.js";

const HLS_TYPE = "application/vnd.apple.mpegurl";
const OWN = new URL("media/", base).href;

export class Loading {
  #ticketOf;
  #usedTicket = null;

  /** `ticketOf()` gives the ticket of the moment, or null. */
  constructor(ticketOf) {
    this.#ticketOf = ticketOf;
  }

  /** Whether what was loaded last was loaded with a ticket that has been replaced: another one may open it. */
  get isStale() {
    const ticket = this.#ticketOf();
    return this.#usedTicket !== null && ticket !== null && ticket !== this.#usedTicket;
  }

  /** Has `media` load `source`, as the player wants it. */
  attach(media, source, fail) {
    this.#usedTicket = isOwn(source) ? this.#ticketOf() : null;
    if (isPlaylist(source)) return attachHls(media, source, (address) => this.#authorised(address), fail);
    media.src = this.#authorised(source);
    media.load();
    return () => {};
  }

  #authorised(address) {
    return isOwn(address) ? withTicket(address, this.#ticketOf() ?? "") : address;
  }
}

/** What would keep this browser from playing `source`: null, or `{kind, status}`. */
export async function troubleLoading(source) {
  if (!isPlaylist(source)) return troubleWith(source);
  if ((await kindOfPlaylist(source)) !== null) return null;
  // A server that does not let scripts read its playlist may let the browser play it.
  return new Audio().canPlayType(HLS_TYPE) ? troubleWith(source) : { kind: "unusable", status: null };
}

function isOwn(source) {
  return source.startsWith(OWN);
}

function isPlaylist(source) {
  return /\.m3u8$/i.test(new URL(source).pathname);
}
