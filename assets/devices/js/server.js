// Asks the server, with the key if it wants one.

const KEY = "roomhub-devices-key";

export class KeyNeeded extends Error {}

export const keep = (key) => sessionStorage.setItem(KEY, key);

export async function ask(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const answer = await fetch(path, { ...options, headers });
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    sessionStorage.removeItem(KEY);
    throw new KeyNeeded(body.error);
  }
  if (!answer.ok) throw new Error(body.error ?? `HTTP ${answer.status}`);
  return body;
}

/** A path with those of the parameters that say something. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
