/** The player of one station in a frame of another site. */

import { byId, setText } from "../common/elements.js";
import { speak } from "../common/texts.js";
import { Radio } from "./radio.js";
import { pageOf, pageRoute } from "./routes.js";

const radio = new Radio({ route: pageRoute(), render });
speak("radio", () => radio.show());
byId("name").href = pageOf(pageRoute());
radio.show();

function render(station) {
  if (station) setText(byId("name"), station.name);
}
