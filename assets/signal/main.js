// The page: joins a room, shows who is there, calls them, and logs every word to and from the server.

import { Call } from "./call.js";
import { Signalling } from "./signalling.js";
import { language, texts } from "./texts.js";

const MAX_LOG_LINES = 500;

const PATH_SHOWN_EVERY_MS = 1_000;

/** Errors that a key or token would mend. */
const KEY_WANTED = ["unauthorized", "token_required", "invalid_token", "token_expired"];

const at = (id) => document.getElementById(id);
const signalling = new Signalling();
const calls = new Map();
let users = [];
let iceServers = [];
let ownStream = null;

document.documentElement.lang = language;
for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts[element.dataset.text];
at("user").value = `user-${Math.random().toString(36).slice(2, 7)}`;
at("room").value = "room1";
showUsers();

at("seat").addEventListener("submit", (event) => {
  event.preventDefault();
  at("key").removeAttribute("aria-invalid");
  signalling.join(at("user").value, at("room").value, at("key").value);
});
at("leave").addEventListener("click", () => signalling.leave());
addEventListener("pagehide", () => signalling.leave());
at("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(at("log").innerText);
  at("copy").textContent = texts.copied;
  setTimeout(() => (at("copy").textContent = texts.copy), 1_500);
});

signalling.addEventListener("state", ({ detail }) => (at("connection").textContent = texts[detail]));
signalling.addEventListener("sent", ({ detail }) => log("sent", detail));
signalling.addEventListener("heard", ({ detail }) => {
  log(detail.type === "error" ? "failed" : "heard", detail);
  hear(detail);
});

function hear(message) {
  const { type, userId } = message;
  if (type === "error" && KEY_WANTED.includes(message.code)) {
    at("key").setAttribute("aria-invalid", "true");
    at("key").focus();
  }
  if (type === "joined") {
    users = message.users;
    iceServers = message.iceServers;
  } else if (type === "user-joined") {
    hangUp(userId);
    if (!users.includes(userId)) users = [...users, userId];
  } else if (type === "user-left") {
    hangUp(userId);
    users = users.filter((user) => user !== userId);
  } else if (type === "leaved" || (type === "error" && message.code === "replaced")) {
    for (const user of [...calls.keys()]) hangUp(user);
    users = [];
  } else if (["offer", "answer", "candidate"].includes(type)) {
    callOf(message.from).hear(message).catch((problem) => log("failed", { type, problem: String(problem) }));
    return;
  } else {
    return;
  }
  showUsers();
}

function showUsers() {
  const own = signalling.seat?.userId;
  at("join").disabled = users.length > 0;
  at("leave").disabled = users.length === 0;
  if (users.length === 0) {
    at("users").replaceChildren(element("li", {}, [texts.nobody]));
    return;
  }
  at("users").replaceChildren(...users.map((user) => {
    const name = element("span", {}, [String(user), user === own ? ` (${texts.you})` : ""]);
    if (user === own) return element("li", {}, [name]);
    return element("li", {}, [
      name,
      button(texts.data, () => callOf(user).openChannel()),
      button(texts.camera, () => showCamera(callOf(user))),
    ]);
  }));
}

async function showCamera(call) {
  try {
    ownStream ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  } catch (problem) {
    log("failed", { type: "camera", problem: String(problem) });
    return;
  }
  at("own-video").srcObject = ownStream;
  at("own-video").hidden = false;
  call.addStream(ownStream);
}

/** The call with a user; a new one if there is none. */
function callOf(user) {
  const existing = calls.get(user);
  if (existing) return existing.call;
  const call = new Call(signalling.seat.userId, user, iceServers, (message) => signalling.send(message));
  const card = peerCard(call);
  calls.set(user, { call, card });
  at("peers").append(card);
  return call;
}

function hangUp(user) {
  const known = calls.get(user);
  if (!known) return;
  calls.delete(user);
  known.call.close();
  known.card.remove();
}

function peerCard(call) {
  const values = Object.fromEntries(["connectionState", "ice", "pair", "channel"].map((name) => [name, element("dd", {}, ["–"])]));
  const rows = Object.entries(values).flatMap(([name, value]) => [element("dt", {}, [texts[name]]), value]);
  const video = element("video", { autoplay: true, playsInline: true, hidden: true }, []);
  const input = element("input", { ariaLabel: texts.message, maxLength: 2000 }, []);
  const form = element("form", { hidden: true }, [input, element("button", {}, [texts.send])]);
  const card = element("article", { className: "peer" }, [
    element("header", {}, [element("h3", {}, [String(call.otherId)]), button(texts.hangUp, () => hangUp(call.otherId))]),
    element("dl", {}, rows), video, form,
  ]);
  card.dataset.user = call.otherId;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call.say(input.value);
    log("sent", { type: "data channel", text: input.value });
    input.value = "";
  });
  const show = async () => {
    const { connection, ice, channel } = call.states;
    values.connectionState.textContent = connection;
    values.ice.textContent = ice;
    values.channel.textContent = channel;
    form.hidden = channel !== "open";
    values.pair.textContent = await call.path();
    // Of a path that is chosen, or changes, no event tells.
    clearTimeout(call.timer);
    if (connection !== "closed") call.timer = setTimeout(show, PATH_SHOWN_EVERY_MS);
  };
  call.addEventListener("change", show);
  call.addEventListener("said", ({ detail }) => log("heard", { type: "data channel", from: call.otherId, text: detail }));
  call.addEventListener("stream", ({ detail }) => {
    video.srcObject = detail;
    video.hidden = false;
  });
  return card;
}

function log(kind, message) {
  const time = new Date().toISOString().slice(11, 23);
  const arrow = { sent: "→", heard: "←", failed: "✗" }[kind];
  const line = element("li", { className: kind }, [`${time} ${arrow} ${JSON.stringify(message)}`]);
  const list = at("log");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(line);
  if (list.children.length > MAX_LOG_LINES) list.firstElementChild.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

function button(text, action) {
  const made = element("button", { type: "button" }, [text]);
  made.addEventListener("click", action);
  return made;
}

function element(name, properties, children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
