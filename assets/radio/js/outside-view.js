/** What is heard as it shows outside of the page: in the title of the window, on lock screens and on keyboards. */

import { coverAddress } from "./routes.js";

const ICONS = [
  { src: "assets/icon-192.png", sizes: "192x192", type: "image/png" },
  { src: "assets/icon-512.png", sizes: "512x512", type: "image/png" },
];

export class OutsideView {
  #shown = null;

  /** `play()` and `stop()` are what keys and lock screens do. Nothing is held while it pauses: radio goes on. */
  constructor({ play, stop }) {
    for (const [action, act] of Object.entries({ play, pause: stop, stop })) {
      try {
        navigator.mediaSession?.setActionHandler(action, act);
      } catch {
        // The browser knows no such action.
      }
    }
  }

  render(station, { title, artist, album, cover }, isPlaying) {
    if (navigator.mediaSession) navigator.mediaSession.playbackState = isPlaying ? "playing" : "paused";
    const name = [artist, title].filter(Boolean).join(" - ");
    const appearance = JSON.stringify([name, album, cover, station.route]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    const site = station.is_named ? station.name : "Roomhub radio";
    document.title = name ? `${name} · ${site}` : site;
    if (!navigator.mediaSession) return;
    const pictures = cover ? [{ src: coverAddress(cover) }] : ICONS;
    const artwork = pictures.map((picture) => ({ ...picture, src: new URL(picture.src, document.baseURI).href }));
    navigator.mediaSession.metadata = new MediaMetadata({ title, artist, album: album || station.name, artwork });
  }
}
