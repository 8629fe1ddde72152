/** The directory of all stations: what plays comes as events, what is shown is what the ear hears. */

import { byId, setText } from "../common/elements.js";
import { StatusView } from "../common/status-view.js";
import { say, speak } from "../common/texts.js";
import { showComing } from "./coming-view.js";
import { showHistory } from "./history-view.js";
import { LinksView } from "./links-view.js";
import { NowView } from "./now-view.js";
import { installOperator } from "./operator-view.js";
import { Radio } from "./radio.js";
import { RequestsView } from "./requests-view.js";
import { addressOf, namedRoute, pageOf } from "./routes.js";
import { Spectrum } from "./spectrum.js";
import { StationFilter } from "./station-filter.js";
import { StationsView } from "./stations-view.js";

const status = new StatusView();
const linksView = new LinksView(status);
const requestsView = new RequestsView(status);
const nowView = new NowView();
const radio = new Radio({ route: namedRoute(), render, spectrum: new Spectrum(byId("spectrum")) });
const filter = new StationFilter(() => radio.show());
const stationsView = new StationsView((route) => {
  radio.choose(route);
  location.hash = addressOf("", route);
  radio.play();
});

window.addEventListener("hashchange", () => {
  if (namedRoute() === radio.chosen()?.route) return;
  radio.choose(namedRoute());
  if (radio.listener.isPlaying) radio.play();
});
installOperator(() => radio.chosen(), status);
speak("radio", () => radio.show());
radio.show();

function render(station) {
  status.render();
  const { isOpen, streams } = radio.feed;
  if (isOpen !== null) setText(byId("state"), say(isOpen ? "air" : "reconnecting"));
  byId("no-stations").hidden = streams?.length !== 0;
  if (!station) return;
  const { track, elapsed } = radio.heard(station);
  filter.render(streams);
  const n = stationsView.render(streams, station, (stream) => radio.heard(stream), filter);
  byId("no-match").hidden = n > 0;
  setText(byId("now-station"), station.name);
  byId("now-station").href = pageOf(station.route);
  nowView.render(station, track, elapsed);
  showComing(station, radio.feed.next(station));
  linksView.render(station);
  requestsView.render(station);
  showHistory(radio.feed.before(station, track));
}
