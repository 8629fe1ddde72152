/** What lets this page in: the server's key, or an invitation to one room; kept, and taken out of the address. */

import { recall, recallForTab, remember, rememberForTab } from "../common/memory.js";

const KEY = "watch-member-key";
const INVITATION = "watch-invitation";

export class Credentials {
  #key = recall(KEY);
  #invitation = recallForTab(INVITATION);

  /** Takes `#key=…` and `#invitation=…` out of the address, so that nobody reads them there. */
  constructor() {
    const brought = new URLSearchParams(location.hash.slice(1));
    if (brought.get("key")) this.bringKey(brought.get("key"));
    if (brought.get("invitation")) this.#keepInvitation(brought.get("invitation"));
    if (brought.has("key") || brought.has("invitation")) {
      history.replaceState(null, "", location.pathname + location.search);
    }
  }

  /** What the handshake brings, or null. */
  get token() {
    return this.#key ?? this.#invitation;
  }

  /** What the join of a room brings, or null. */
  get invitation() {
    return this.#invitation;
  }

  /** Whether all rooms are open to this page, and not one alone. */
  get hasKey() {
    return this.#key !== null;
  }

  bringKey(key) {
    this.#key = key;
    remember(KEY, key);
  }

  /** The server refused the token: forgets it; false if there is no other. */
  refuse() {
    if (this.#key !== null) {
      this.#key = null;
      remember(KEY, null);
    } else {
      this.#keepInvitation(null);
    }
    return this.token !== null;
  }

  /** The invitation has opened what it opens, or nothing: only the key opens anything else. */
  forgetInvitation() {
    this.#keepInvitation(null);
  }

  #keepInvitation(token) {
    this.#invitation = token;
    rememberForTab(INVITATION, token);
  }
}
