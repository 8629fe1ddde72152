/** The key by which the recordings of this browser are told from others': made once at random, and kept. */

import { recall, remember } from "../memory.js";

const KEY = "recordings-key";
const BYTES = 32;
const FITS = /^[0-9a-f]{64}$/;

export function ownerKey() {
  const kept = recall(KEY);
  if (typeof kept === "string" && FITS.test(kept)) return kept;
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  const made = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  remember(KEY, made);
  return made;
}
