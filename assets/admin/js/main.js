/** The admin page: signs in if the server wants a key, shows what there is every two seconds, does what is asked. */

import { byId, keepingFocus, setText } from "../common/elements.js";
import { KeyNeeded, ask, query } from "../common/server.js";
import { SignIn } from "../common/sign-in.js";
import { StatusView } from "../common/status-view.js";
import { say, speak } from "../common/texts.js";
import { ConfigurationView } from "./configuration-view.js";
import { LogView } from "./log-view.js";
import { showServices } from "./services-view.js";
import { Tabs } from "./tabs.js";

const REFRESH_MS = 2_000;

let timer = null;
/** Counts up with each refresh: of two that are under way, the later one counts. */
let turn = 0;
let state = null;

const status = new StatusView();
// The session is a cookie, which no script can read.
const signIn = new SignIn(null, { signedIn: beginSession, signedOut: endSession });
const logView = new LogView();
const configurationView = new ConfigurationView();
const tabs = new Tabs(["services", "log", "configuration"], refresh);

byId("find").addEventListener("input", refresh);
speak("admin", render);
refresh();

async function beginSession(key) {
  try {
    await ask("v1/session", { method: "POST", body: { key } });
    await refresh();
  } catch (problem) {
    const isWrong = problem instanceof KeyNeeded && problem.status === 401;
    signIn.ask(problem instanceof TypeError ? say("away") : problem.message, isWrong);
  }
}

async function endSession() {
  forget();
  try {
    await ask("v1/session", { method: "DELETE" });
  } catch {
    status.complain("away");
  }
}

/** Shows the present state, and goes on doing so. */
async function refresh() {
  clearTimeout(timer);
  const own = ++turn;
  try {
    const told = await ask(query("v1/state", { find: byId("find").value.trim() }));
    if (own !== turn) return;
    state = told;
    tabs.offer("log", state.you.service === null);
    tabs.offer("configuration", state.you.service === null);
    signIn.admit(state.you.way === "session");
    render();
    if (tabs.chosen === "log") await logView.refresh();
    if (tabs.chosen === "configuration") await configurationView.refresh();
  } catch (problem) {
    if (own !== turn) return;
    if (!(problem instanceof TypeError)) {
      forget();
      signIn.ask(problem.message);
      return;
    }
    setText(byId("summary"), say("away"));
  }
  if (own === turn) timer = setTimeout(refresh, REFRESH_MS);
}

function forget() {
  clearTimeout(timer);
  turn += 1;
  state = null;
  byId("role").hidden = true;
  setText(byId("summary"), "");
  byId("services").replaceChildren();
  logView.forget();
  configurationView.forget();
}

/** Has the server do something; `order` names the service, the action, and what it is done to. */
async function act(order) {
  try {
    await ask("v1/actions", { method: "POST", body: order });
    status.tell("done");
  } catch (problem) {
    if (problem instanceof TypeError) status.complain("away");
    else status.complain("told", problem.message);
  }
  await refresh();
}

function render() {
  status.render();
  if (!state) return;
  const { you, version, uptime, services } = state;
  const connections = services.reduce((sum, service) => sum + service.connections, 0);
  setText(byId("summary"), say("process", version, uptime, connections));
  byId("role").hidden = false;
  setText(byId("role"), `${you.who} · ${say(`role_${you.role}`)}`);
  keepingFocus(() => showServices(services, you.role === "operator" ? act : null));
  configurationView.render();
}
