/** The page: what plays comes as events, what is shown is what the ear hears. */

import { byId, setText } from "../common/elements.js";
import { StatusView } from "../common/status-view.js";
import { say, speak } from "../common/texts.js";
import { Feed } from "./feed.js";
import { showHistory } from "./history-view.js";
import { Listener } from "./listener.js";
import { installOperator } from "./operator-view.js";
import { PlayerView } from "./player-view.js";
import { addressOf, namedRoute } from "./routes.js";
import { Spectrum } from "./spectrum.js";
import { StationsView } from "./stations-view.js";

const SHOWN_EVERY_MS = 250;

let chosenRoute = namedRoute();
const status = new StatusView();
const spectrum = new Spectrum(byId("spectrum"));
const listener = new Listener(() => spectrum.listenTo(listener.audio));
const feed = new Feed(() => {
  render();
  feed.learn(chosen());
});
const stationsView = new StationsView((route) => {
  choose(route);
  location.hash = addressOf("", route);
  play();
});
const playerView = new PlayerView({
  playOrStop: () => (listener.isPlaying ? stop() : play()),
  setVolume: (volume) => (listener.audio.volume = volume),
});

window.addEventListener("hashchange", () => {
  if (namedRoute() === chosen()?.route) return;
  choose(namedRoute());
  if (listener.isPlaying) play();
});
setInterval(render, SHOWN_EVERY_MS);

/** For whoever wants to know what is heard: seconds played, and the loudest pitch in hertz. */
window.roomhubRadio = {
  played: () => listener.audio.currentTime,
  pitch: () => (listener.isPlaying ? spectrum.pitch : 0),
};
installOperator(chosen, status);
speak("radio", render);
render();

/** The station that was chosen, or else the first. */
function chosen() {
  return feed.streams?.find((stream) => stream.route === chosenRoute) ?? feed.streams?.[0];
}

function choose(route) {
  chosenRoute = route;
  render();
  feed.learn(chosen());
}

function play() {
  const station = chosen();
  if (station) listener.play(addressOf(".", station.route));
  render();
}

function stop() {
  listener.stop();
  render();
}

function heard(stream) {
  const at = feed.heardAt(listener.now);
  const track = feed.trackAt(stream, at);
  return { track, elapsed: Math.max(0, at - track.started_at) };
}

function render() {
  status.render();
  const station = chosen();
  if (feed.isOpen !== null) setText(byId("state"), say(feed.isOpen ? "air" : "reconnecting"));
  byId("no-stations").hidden = feed.streams?.length !== 0;
  if (!station) return;
  const { track } = heard(station);
  stationsView.render(feed.streams, station, heard);
  playerView.render(track, listener.isPlaying);
  showHistory(feed.before(station, track));
}
