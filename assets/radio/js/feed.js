/** What the stations play, as the server's events tell it, and what they have played. Times are seconds. */

import { withKey } from "./routes.js";

const MAX_TRACKS = 100;

export class Feed {
  #changed;
  #skew = 0;
  #burst = 5;
  /** What each station has played, the latest last, as far as this page knows. */
  #past = new Map();
  /** The name of the file that each station plays next, as far as this page knows. */
  #files = new Map();
  /** The station whose whole history is known, with the track that was the latest then. */
  #known = "";

  /** Whether events come; null until the first attempt. */
  isOpen = null;
  /** The stations as the last event told them; null before the first. */
  streams = null;

  /** `changed()` is called when something is known that was not. */
  constructor(changed) {
    this.#changed = changed;
    const events = new EventSource(withKey("events"));
    events.onopen = () => this.#noteConnection(true);
    events.onerror = () => this.#noteConnection(false);
    events.onmessage = ({ data }) => this.#take(JSON.parse(data));
  }

  /** The station's time of what a listener hears at the page's time `now`: it begins the burst behind the head. */
  heardAt(now) {
    return now + this.#skew - this.#burst;
  }

  /** The track of `stream` whose time has come at the station's time `at`. */
  trackAt(stream, at) {
    const played = this.#played(stream);
    return played.findLast((track) => track.started_at <= at) ?? played[0] ?? { ...trackOf(stream), started_at: at };
  }

  /** The tracks of `stream` before `track`, the latest first. */
  before(stream, track) {
    return this.#played(stream).filter((played) => played.started_at < track.started_at).reverse();
  }

  /** What `stream` plays next: a track, or else what its file is called; empty if neither is known. */
  next({ route, source, next_track: track }) {
    if (track) return [track.artist, track.title].filter(Boolean).join(" - ");
    return source === "folder" ? (this.#files.get(route) ?? "").replace(/\.[^.]*$/, "") : "";
  }

  /** Asks for the whole history of `stream` and what comes next, once for each of its tracks. */
  async learn(stream) {
    const latest = stream && `${stream.route} ${stream.started_at}`;
    if (!stream || latest === this.#known) return;
    this.#known = latest;
    try {
      const { route } = stream;
      const ask = async (path) => (await fetch(withKey(path, { route }))).json();
      const [{ history }, { next }] = await Promise.all([ask("history"), ask("now-playing")]);
      if (history?.length) this.#past.set(route, history);
      this.#files.set(route, next);
      this.#changed();
    } catch {
      // The next track asks again.
    }
  }

  #noteConnection(isOpen) {
    this.isOpen = isOpen;
    this.#changed();
  }

  #take({ now, burst_seconds: burst, streams }) {
    this.#skew = now - Date.now() / 1000;
    this.#burst = burst;
    this.streams = streams;
    streams.forEach((stream) => this.#note(stream));
    this.#changed();
  }

  /** Keeps a track that has begun. */
  #note(stream) {
    const { route, started_at } = stream;
    const played = this.#played(stream);
    if (!started_at || played.at(-1)?.started_at === started_at) return;
    this.#past.set(route, [...played.slice(-MAX_TRACKS), trackOf(stream)]);
  }

  #played({ route }) {
    return this.#past.get(route) ?? [];
  }
}

/** What a stream tells of its track. */
function trackOf({ title, artist, album, year, cover, duration_seconds, started_at }) {
  return { title, artist, album, year, cover, duration_seconds, started_at };
}
