/** What a page of the radio is made of: the feed, the sound of the chosen station, and the player that shows what is heard. */

import { Casting } from "./casting.js";
import { Feed } from "./feed.js";
import { Listener } from "./listener.js";
import { OutsideView } from "./outside-view.js";
import { PlayerView } from "./player-view.js";
import { addressOf } from "./routes.js";

const SHOWN_EVERY_MS = 250;

export class Radio {
  #render;
  #spectrum;
  #outsideView;
  #playerView;

  /** `render()` shows what has changed; `spectrum` draws the sound, where a page has one. */
  constructor({ route, render, spectrum = null }) {
    this.chosenRoute = route;
    this.#render = render;
    this.#spectrum = spectrum;
    this.listener = new Listener(() => spectrum?.listenTo(this.listener.audio));
    this.#playerView = new PlayerView({
      playOrStop: () => (this.listener.isPlaying ? this.stop() : this.play()),
      setVolume: (volume) => (this.listener.audio.volume = volume),
    });
    this.#outsideView = new OutsideView({ play: () => this.play(), stop: () => this.stop() });
    new Casting(this.listener.audio);
    this.feed = new Feed(() => {
      this.show();
      this.feed.learn(this.chosen());
    });
    setInterval(() => this.show(), SHOWN_EVERY_MS);
    /** What is heard, for scripts and the console of the browser: seconds played, and the strongest frequency in hertz. */
    window.roomhubRadio = {
      played: () => this.listener.audio.currentTime,
      pitch: () => (this.listener.isPlaying ? (spectrum?.pitch ?? 0) : 0),
    };
  }

  /** The station that was chosen, or else the first. */
  chosen() {
    return this.feed.streams?.find((stream) => stream.route === this.chosenRoute) ?? this.feed.streams?.[0];
  }

  choose(route) {
    this.chosenRoute = route;
    this.show();
    this.feed.learn(this.chosen());
  }

  play() {
    const station = this.chosen();
    if (station) this.listener.play(addressOf(".", station.route));
    this.show();
  }

  stop() {
    this.listener.stop();
    this.show();
  }

  /** The track that is heard of a station, and the seconds since its start. */
  heard(stream) {
    const at = this.feed.heardAt(this.listener.now);
    const track = this.feed.trackAt(stream, at);
    return { track, elapsed: Math.max(0, at - track.started_at) };
  }

  show() {
    const station = this.chosen();
    if (station) {
      const { track } = this.heard(station);
      this.#playerView.render(track, this.listener.isPlaying);
      this.#outsideView.render(station, track, this.listener.isPlaying);
    }
    this.#render(station);
  }
}
