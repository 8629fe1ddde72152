/** Asks the server what listeners of a station want, and for what this one wants. */

import { withKey } from "./routes.js";

/** The server does not take it: `reason` is its word for why, `wait` the seconds after which it might. */
export class Refused extends Error {
  reason = "";
  wait = 0;
}

/** What waits, in the order in which it plays. */
export function requestsOf(route) {
  return answerTo(fetch(withKey("requests", { route })));
}

/** The tracks that fit `q`, from the one at `offset` on. */
export function search(route, q, offset) {
  return answerTo(fetch(withKey("requests/search", { route, q, offset })));
}

export function request(route, track) {
  return post("requests", { route, track });
}

export function vote(route, id) {
  return post("requests/vote", { route, id });
}

function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answerTo(fetch(withKey(path), { method: "POST", headers, body: JSON.stringify(body) }));
}

async function answerTo(asking) {
  const response = await asking;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw Object.assign(new Refused(answer.detail ?? `HTTP ${response.status}`), {
    reason: answer.reason ?? "",
    wait: Number(response.headers.get("Retry-After") ?? 0),
  });
}
