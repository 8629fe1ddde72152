/** Who this browser is to the server: told to nobody else, so that whoever comes back is known again. */

import { recall, remember } from "./memory.js";

const BYTES = 24;

/** The browser's own name for itself, made up once. */
export function ownPerson() {
  const known = recall("person");
  if (typeof known === "string") return known;
  const made = Array.from(crypto.getRandomValues(new Uint8Array(BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  remember("person", made);
  return made;
}
