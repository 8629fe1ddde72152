/** A member's own copy of the film: what tells two copies apart, and the file of this page. */

/** The ends of a file that are compared; the middle of a film is too much to read. */
const END_BYTES = 1024 * 1024;
/** Copies whose lengths differ by less (seconds) are of the same cut. */
const SAME_LENGTH = 1;
const METADATA_WITHIN_MS = 8000;

export class OwnCopy {
  #film = null;
  #source = null;
  #differences = [];

  /** The address of this page's copy of the film `id`, or null. */
  sourceFor(id) {
    return this.#film === id ? this.#source : null;
  }

  /** In what this page's copy is another one than the chooser's: of `size`, `length`, `content`. */
  differencesFor(id) {
    return this.#film === id ? this.#differences : [];
  }

  /** Plays `file` as the film `id`, whose chooser's copy is `copy`. */
  async take(file, id, copy) {
    const own = await fingerprint(file);
    this.takeKnown(file, id, differences(own, copy));
  }

  /** The same for the chooser, whose copy is what others are compared with. */
  takeKnown(file, id, found = []) {
    if (this.#source) URL.revokeObjectURL(this.#source);
    this.#film = id;
    this.#source = URL.createObjectURL(file);
    this.#differences = found;
  }
}

/** What a file is known by: `{bytes, seconds, sha256}`; what cannot be found out is null. */
export async function fingerprint(file) {
  return { bytes: file.size, seconds: await lengthOf(file), sha256: await hashOfEnds(file) };
}

function differences(own, copy) {
  const found = [];
  const areKnown = (name) => own[name] != null && copy?.[name] != null;
  if (areKnown("bytes") && own.bytes !== copy.bytes) found.push("size");
  if (areKnown("seconds") && Math.abs(own.seconds - copy.seconds) > SAME_LENGTH) found.push("length");
  if (found.length === 0 && areKnown("sha256") && own.sha256 !== copy.sha256) found.push("content");
  return found;
}

/** SHA-256 of the first and the last mebibyte, as hexadecimal digits; null where the browser computes none. */
async function hashOfEnds(file) {
  // On pages that came without encryption browsers do not.
  if (!crypto.subtle) return null;
  const ends = new Blob([file.slice(0, END_BYTES), file.slice(Math.max(0, file.size - END_BYTES))]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await ends.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function lengthOf(file) {
  const address = URL.createObjectURL(file);
  const media = document.createElement("video");
  media.preload = "metadata";
  return new Promise((resolve) => {
    const conclude = () => {
      clearTimeout(timer);
      resolve(Number.isFinite(media.duration) ? media.duration : null);
      media.removeAttribute("src");
      URL.revokeObjectURL(address);
    };
    const timer = setTimeout(conclude, METADATA_WITHIN_MS);
    media.addEventListener("loadedmetadata", conclude, { once: true });
    media.addEventListener("error", conclude, { once: true });
    media.src = address;
  });
}
