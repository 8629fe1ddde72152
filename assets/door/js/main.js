/** The start page: says in the reader's language which services there are. */

import { speak } from "../common/texts.js";

speak("door", () => {});
