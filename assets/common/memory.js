/** What the browser remembers across visits. Storage may be forbidden; then nothing is remembered and nothing fails. */

export function recall(key) {
  return read(() => localStorage, key);
}

export function remember(key, value) {
  write(() => localStorage, key, value);
}

/** The same for as long as the tab lives. */
export function recallForTab(key) {
  return read(() => sessionStorage, key);
}

/** Remembers `value` for as long as the tab lives; null forgets it. */
export function rememberForTab(key, value) {
  write(() => sessionStorage, key, value);
}

function read(storage, key) {
  try {
    return JSON.parse(storage().getItem(`roomhub-${key}`) ?? "null");
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    if (value === null) storage().removeItem(`roomhub-${key}`);
    else storage().setItem(`roomhub-${key}`, JSON.stringify(value));
  } catch {
    return;
  }
}
