/** What is wrong with a film, in words. */

import { say } from "../common/texts.js";

/** The sentence for a trouble as `Player` tells it. */
export function troubleText({ kind, status }) {
  return say(`trouble${kind[0].toUpperCase()}${kind.slice(1)}`, status);
}
