/** The console: what is live is asked for every two seconds, the rest when somebody wants it. */

import { KeyNeeded, ask } from "../common/server.js";
import { SignIn } from "../common/sign-in.js";
import { StatusView } from "../common/status-view.js";
import { speak } from "../common/texts.js";
import { showChart } from "./chart-view.js";
import { HistoryView } from "./history-view.js";
import { MessagesView } from "./messages-view.js";
import { RoomsView } from "./rooms-view.js";
import { SendView } from "./send-view.js";
import { showStatus } from "./status-figures.js";

const LIVE_MS = 2_000;
/** The chart is asked for once in so many turns. */
const CHART_EVERY = 5;

let timer = null;
/** What the server said last: its status, its rooms, and the messages of each minute. */
let told = { status: null, rooms: null, perMinute: null };
let isLost = false;

const status = new StatusView();
const signIn = new SignIn("devices-key", { signedIn: start, signedOut: forget });
const historyView = new HistoryView(question, attempt, (n) => status.tell("kicked", n));
const roomsView = new RoomsView((device) => historyView.open(device));
const messagesView = new MessagesView(question, attempt);
new SendView(question, attempt, () => status.tell("sent"));

speak("devices", render);
start();

/** Asks the server as whoever is signed in. */
function question(path, request) {
  return ask(path, { key: signIn.key, ...request });
}

/** Runs something that asks the server, and says what went wrong; resolves to whether it went well. */
async function attempt(work) {
  try {
    await work();
    return true;
  } catch (problem) {
    if (problem instanceof KeyNeeded) {
      forget();
      signIn.ask(problem.message, problem.isWrong);
    } else if (problem instanceof TypeError) {
      status.complain("away");
    } else {
      status.complain("told", problem.message);
    }
    return false;
  }
}

/** One question first: a wrong key is tried, and counted, once. */
async function start() {
  clearTimeout(timer);
  if (await attempt(() => question("status"))) {
    signIn.admit();
    status.clear();
    look(0);
    messagesView.search();
  } else if (!signIn.isOpen) {
    timer = setTimeout(start, LIVE_MS);
  }
}

async function look(turn) {
  const wentWell = await attempt(async () => {
    [told.status, told.rooms] = await Promise.all([question("status"), question("rooms")]);
    if (turn % CHART_EVERY === 0 && told.status.database.is_up) told.perMinute = await question("messages/per-minute");
    if (isLost) status.clear();
    renderLive();
  });
  isLost = !wentWell;
  if (!signIn.isOpen) timer = setTimeout(look, LIVE_MS, turn + 1);
}

function forget() {
  clearTimeout(timer);
  historyView.close();
}

function renderLive() {
  if (told.status) showStatus(told.status);
  if (told.rooms) roomsView.render(told.rooms);
  if (told.perMinute) showChart(told.perMinute);
}

function render() {
  status.render();
  renderLive();
  historyView.render();
  messagesView.render();
}
