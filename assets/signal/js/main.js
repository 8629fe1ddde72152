/** The page: joins a room, shows who is there, calls them, and logs every word to and from the server. */

import { byId, setText } from "../common/elements.js";
import { StatusView } from "../common/status-view.js";
import { say, speak } from "../common/texts.js";
import { CallsView } from "./calls-view.js";
import { LogView } from "./log-view.js";
import { Signalling } from "./signalling.js";
import { UsersView } from "./users-view.js";

/** Errors that a key or token would mend. */
const KEY_WANTED = ["unauthorized", "token_required", "invalid_token", "token_expired"];

const signalling = new Signalling();
const status = new StatusView();
const log = new LogView(status);
const calls = new CallsView(signalling, log);
const usersView = new UsersView({
  openChannel: (user) => calls.with(user).openChannel(),
  showCamera: (user) => calls.showCamera(user),
});
let users = [];
let connection = "offline";

byId("user").value = `user-${Math.random().toString(36).slice(2, 7)}`;
byId("room").value = "room1";
byId("seat").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("key").removeAttribute("aria-invalid");
  signalling.join(byId("user").value, byId("room").value, byId("key").value);
});
byId("leave").addEventListener("click", () => signalling.leave());
addEventListener("pagehide", () => signalling.leave());

signalling.addEventListener("state", ({ detail }) => {
  connection = detail;
  render();
});
signalling.addEventListener("sent", ({ detail }) => log.add("sent", detail));
signalling.addEventListener("heard", ({ detail }) => {
  log.add(detail.type === "error" ? "failed" : "heard", detail);
  hear(detail);
});
speak("signal", render);
render();

function hear(message) {
  const { type, userId, code } = message;
  if (type === "error" && KEY_WANTED.includes(code)) askForKey();
  if (type === "joined") {
    users = message.users;
    calls.iceServers = message.iceServers;
  } else if (type === "user-joined") {
    calls.hangUp(userId);
    if (!users.includes(userId)) users = [...users, userId];
  } else if (type === "user-left") {
    calls.hangUp(userId);
    users = users.filter((user) => user !== userId);
  } else if (type === "leaved" || (type === "error" && code === "replaced")) {
    calls.hangUpAll();
    users = [];
  } else if (["offer", "answer", "candidate"].includes(type)) {
    calls.hear(message);
  }
  render();
}

function askForKey() {
  byId("key").setAttribute("aria-invalid", "true");
  byId("key").focus();
}

function render() {
  byId("join").disabled = users.length > 0;
  byId("leave").disabled = users.length === 0;
  setText(byId("connection"), say(connection));
  usersView.render(users, signalling.seat?.userId);
  calls.render();
  status.render();
}
