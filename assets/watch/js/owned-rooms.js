/** The rooms that this browser owns: the word by which the server knows their owner again. */

import { recall, remember } from "../common/memory.js";

const OWNED = "watch-owned";
/** Rooms that are remembered, the latest of them. */
const MOST = 30;

/** The owner's token of room `id`, or null. */
export function ownerToken(id) {
  return all().find(([known]) => known === id)?.[1] ?? null;
}

/** Keeps the token of room `id`; null forgets it. */
export function keepOwnerToken(id, token) {
  const others = all().filter(([known]) => known !== id);
  remember(OWNED, (token ? [[id, token], ...others] : others).slice(0, MOST));
}

function all() {
  const kept = recall(OWNED);
  return Array.isArray(kept) ? kept.filter(Array.isArray) : [];
}
