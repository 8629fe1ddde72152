/** The STUN and TURN servers for WebRTC, as the server gives them to members. */

import { base } from "../base.js";

/** The servers for who holds `ticket`; none if the server gives none: browsers of one network find each other without. */
export async function iceServers(ticket) {
  const address = new URL("ice", base);
  address.searchParams.set("ticket", ticket ?? "");
  try {
    const response = await fetch(address);
    const answer = response.ok ? await response.json() : {};
    return Array.isArray(answer.iceServers) ? answer.iceServers : [];
  } catch {
    return [];
  }
}
