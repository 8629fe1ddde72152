/** The server's own files: what there is, and where. All that is asked for is asked with a ticket of the room. */

import { base } from "./base.js";

/** How rooms name a file of the server. */
const OWN_FILE = /^media\/(file|hls)\/([^/?#]+)/;

/** The id of the server's own file that `url` names, or null. */
export function ownFileId(url) {
  return typeof url === "string" ? (OWN_FILE.exec(url)?.[2] ?? null) : null;
}

/** The address of `path`, as a member with that ticket may ask for it. */
export function withTicket(path, ticket) {
  const address = new URL(path, base);
  address.searchParams.set("ticket", ticket);
  return address.href;
}

/** A list is asked for again after this time: sooner while the server still reads its folder, for one that is empty later. */
const SCANNING_MS = 2_000;
const EMPTY_MS = 15_000;

/** After how many milliseconds a list that is shown from its beginning is to be asked for again, or null. */
export function staleAfter(page) {
  if (!page?.hasFolder) return null;
  if (page.isScanning) return SCANNING_MS;
  return page.items.length === 0 ? EMPTY_MS : null;
}

/** A part of the list of files, `{hasFolder, isScanning, items, after, maxUploadBytes}`, that has the words `q`; null if the server gives none. */
export async function listMedia(ticket, { q = "", after = null } = {}) {
  const address = new URL(withTicket("media/list", ticket));
  if (q) address.searchParams.set("q", q);
  if (after !== null) address.searchParams.set("after", after);
  try {
    const response = await fetch(address);
    if (!response.ok) return null;
    const { hasFolder, isScanning, items, after: next, maxUploadBytes } = await response.json();
    return {
      hasFolder: hasFolder === true,
      isScanning: isScanning === true,
      items: Array.isArray(items) ? items : [],
      after: next ?? null,
      maxUploadBytes: Number.isFinite(maxUploadBytes) ? maxUploadBytes : 0,
    };
  } catch {
    return null;
  }
}
