/** The admin page: signs in if the server wants a key, shows what there is every two seconds, does what is asked. */

import { byId, keepingFocus, setText } from "../../common/elements.js";
import { KeyNeeded, ask } from "../../common/server.js";
import { SignIn } from "../../common/sign-in.js";
import { StatusView } from "../../common/status-view.js";
import { say, speak } from "../../common/texts.js";
import { showBans } from "./bans-view.js";
import { showCharts } from "./charts-view.js";
import { showRooms } from "./rooms-view.js";

const REFRESH_MS = 2_000;

let timer = null;
let overview = null;
const status = new StatusView();
const signIn = new SignIn("watch-key", { signedIn: refresh, signedOut: forget });

speak("watchAdmin", render);
refresh();

/** Shows the present state, and goes on doing so. */
async function refresh() {
  clearTimeout(timer);
  try {
    overview = await ask("api/overview", { key: signIn.key });
    signIn.admit();
    render();
  } catch (problem) {
    if (problem instanceof KeyNeeded) {
      forget();
      signIn.ask(problem.message, problem.isWrong);
      return;
    }
    setText(byId("summary"), say("away"));
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

function forget() {
  clearTimeout(timer);
  overview = null;
  setText(byId("summary"), "");
}

async function act(method, path, body) {
  try {
    await ask(`api/${path}`, { key: signIn.key, method, body });
  } catch (problem) {
    status.complain("told", problem instanceof TypeError ? say("away") : problem.message);
  }
  await refresh();
}

function render() {
  status.render();
  if (!overview) return;
  const { rooms, totalMembers, connected, sinceStart } = overview;
  const { roomsCreated, joins, chats } = sinceStart;
  const summary = [say("summary", rooms.length, totalMembers, connected), say("since", roomsCreated, joins, chats)];
  setText(byId("summary"), summary.join(" · "));
  showCharts(overview);
  keepingFocus(() => {
    showRooms(overview, act);
    showBans(overview, act);
  });
}
