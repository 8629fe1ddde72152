/** Questions to the server's JSON interface, with the operator's key if there is one. */

/** The server wants a key, or another one than it was brought; the message is the server's. */
export class KeyNeeded extends Error {
  /** Whether a key was brought and refused. */
  isWrong = false;
  /** 401, or 429 if too many were wrong. */
  status = 401;
}

/** The answer to a request, from JSON; `key` may be null and `body` is sent as JSON. Throws what the server refuses. */
export async function ask(path, { key = null, method = "GET", body } = {}) {
  const headers = { Accept: "application/json" };
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const words = answer.detail ?? answer.error ?? answer.message ?? `HTTP ${response.status}`;
  if (response.status !== 401 && response.status !== 429) throw new Error(words);
  throw Object.assign(new KeyNeeded(words), {
    isWrong: response.status === 401 && key !== null,
    status: response.status,
  });
}

/** A path with those of the parameters that say something. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
