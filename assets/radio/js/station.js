/** The page of one station. */

import { byId, setText } from "../common/elements.js";
import { StatusView } from "../common/status-view.js";
import { say, speak } from "../common/texts.js";
import { showComing } from "./coming-view.js";
import { showHistory } from "./history-view.js";
import { LinksView } from "./links-view.js";
import { NowView } from "./now-view.js";
import { Radio } from "./radio.js";
import { RequestsView } from "./requests-view.js";
import { pageRoute, withKey } from "./routes.js";
import { ShareView } from "./share-view.js";
import { Spectrum } from "./spectrum.js";
import { nameOf } from "./station-filter.js";

const status = new StatusView();
const linksView = new LinksView(status);
const nowView = new NowView();
const requestsView = new RequestsView(status);
const shareView = new ShareView(status);
const radio = new Radio({ route: pageRoute(), render, spectrum: new Spectrum(byId("spectrum")) });
byId("all-stations").href = withKey("web");
speak("radio", () => radio.show());
radio.show();

function render(station) {
  status.render();
  if (radio.feed.isOpen !== null) setText(byId("state"), say(radio.feed.isOpen ? "air" : "reconnecting"));
  if (!station) return;
  const { track, elapsed } = radio.heard(station);
  setText(byId("name"), station.name);
  setText(byId("description"), station.description);
  const spoken = station.language && nameOf(station.language);
  setText(byId("facts"), [station.genre, spoken, say("listeners", station.listeners)].filter(Boolean).join(" · "));
  nowView.render(station, track, elapsed);
  showComing(station, radio.feed.next(station));
  requestsView.render(station);
  linksView.render(station);
  shareView.render(station);
  showHistory(radio.feed.before(station, track));
}
