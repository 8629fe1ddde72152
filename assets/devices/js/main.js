// The console of the device rooms: what is live is asked for every two seconds, the rest when somebody wants it.

import * as chart from "./chart.js";
import { element, find, row, table } from "./elements.js";
import { ask, keep, KeyNeeded, query } from "./server.js";
import { moment, text, translatePage } from "./texts.js";

const LIVE = 2000;
const CHART_EVERY = 5;

let shownRooms = "";
let chosen = null;
let nextMessages = null;
let nextHistory = null;
let isLost = false;

function notice(words, kind = "") {
  const place = find("notice");
  place.textContent = words;
  place.className = kind;
  place.hidden = !words;
}

/** Runs something that asks the server, and says what went wrong. */
async function attempt(work) {
  try {
    await work();
    return true;
  } catch (problem) {
    if (problem instanceof KeyNeeded) askForKey(problem.message);
    else notice(problem instanceof TypeError ? text("lost") : problem.message, "bad");
    return false;
  }
}

/** Asks for the key; `wanted` is what the server says of it. */
function askForKey(wanted) {
  const dialog = find("key");
  if (dialog.open) return;
  find("key-wanted").textContent = wanted;
  dialog.querySelector("form").reset();
  dialog.showModal();
  dialog.onclose = () => {
    keep(new FormData(dialog.querySelector("form")).get("key"));
    start();
  };
}

function figure(name, value, kind = "") {
  return element("div", {}, element("dt", {}, text(name)), element("dd", { class: kind }, value));
}

function showStatus({ clients, rooms, spool, database }) {
  const letters = spool.dead_letters;
  find("figures").replaceChildren(
    figure("clients", `${clients}`),
    figure("rooms", `${rooms}`),
    figure("database", `${database.kind} ${text(database.is_up ? "up" : "down")}`, database.is_up ? "good" : "bad"),
    figure("spool", `${spool.records}`),
    figure("dead", `${letters}`, letters ? "bad" : ""),
    figure("writes", text(spool.takes_writes ? "yes" : "no"), spool.takes_writes ? "good" : "bad"),
  );
  find("figures").title = database.problem ?? "";
}

function showRooms({ rooms }) {
  const state = JSON.stringify(rooms);
  // What has not changed keeps the focus that somebody put on it.
  if (state === shownRooms) return;
  shownRooms = state;
  find("room-names").replaceChildren(...rooms.map(({ room_id: id }) => element("option", { value: id })));
  const device = ({ device_id: id, identity }) =>
    element("li", {}, element("button", { type: "button", onclick: () => choose(id) }, `${id} `, element("small", {}, identity)));
  const room = ({ room_id: id, total_clients: n, clients }) =>
    element("div", { class: "room" },
      element("h3", {}, `${id} `, element("span", {}, `${n} ${text("devices")}`)),
      element("ul", { class: "devices" }, ...clients.map(device)));
  find("rooms").replaceChildren(...(rooms.length ? rooms.map(room) : [element("p", { class: "none" }, text("nobody"))]));
}

async function choose(id) {
  chosen = id;
  nextHistory = null;
  find("detail").hidden = false;
  find("detail-title").textContent = id;
  find("history").replaceChildren();
  await attempt(showHistory);
  find("detail-title").scrollIntoView({ block: "nearest" });
}

async function showHistory() {
  const told = await ask(query(`devices/${encodeURIComponent(chosen)}`, { before: nextHistory, limit: 20 }));
  const rows = told.connections.map((connection) => row(
    element("td", { class: "moment" }, moment(connection.connected_at)),
    element("td", { class: "moment" }, connection.disconnected_at ? moment(connection.disconnected_at) : text("still")),
    element("td", {}, connection.room_id), element("td", {}, connection.identity), element("td", {}, connection.client_ip)));
  append("history", nextHistory, ["connected", "disconnected", "room", "identity", "address"], rows, "noHistory");
  nextHistory = told.next;
  find("more-history").hidden = nextHistory === null;
}

/** Puts rows into a table, or behind those that are there. */
function append(id, isMore, titles, rows, none) {
  const body = find(id).querySelector("tbody");
  if (isMore && body) body.append(...rows);
  else find(id).replaceChildren(rows.length ? table(titles.map(text), rows) : element("p", { class: "none" }, text(none)));
}

/** A text as it is, anything else as JSON. */
function said(whole) {
  try {
    const { content } = JSON.parse(whole);
    return typeof content === "string" ? content : JSON.stringify(content);
  } catch {
    return whole;
  }
}

async function showMessages(before) {
  const wanted = Object.fromEntries(new FormData(find("filter")));
  for (const side of ["since", "until"]) if (wanted[side]) wanted[side] = new Date(wanted[side]).getTime();
  const { messages, next } = await ask(query("messages", { ...wanted, before, limit: 25 }));
  const rows = messages.map((message) => row(
    element("td", { class: "moment" }, moment(message.sent_at)),
    element("td", {}, message.room_id), element("td", {}, message.from_device_id),
    element("td", {}, message.to_device_id ?? text("everybody")),
    element("td", {}, element("code", {}, said(message.message_content)))));
  append("messages", before, ["time", "room", "from", "to", "messages"], rows, "nothing");
  nextMessages = next;
  find("more-messages").hidden = next === null;
}

async function send(form) {
  const { room, target, content } = Object.fromEntries(new FormData(form));
  let whole = content;
  if (content.trim().startsWith("{")) {
    try {
      whole = JSON.parse(content);
    } catch { /* It only looked like an object. */ }
  }
  await ask(`rooms/${encodeURIComponent(room)}/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ content: whole, ...(target && { target_device_id: target }) }),
  });
  form.elements.content.value = "";
  notice(text("sent"));
}

async function look(turn) {
  const went = await attempt(async () => {
    const [status, rooms] = await Promise.all([ask("status"), ask("rooms")]);
    showStatus(status);
    showRooms(rooms);
    if (turn % CHART_EVERY === 0 && status.database.is_up) chart.show(await ask("messages/per-minute"));
    if (isLost) notice("");
  });
  isLost = !went;
  if (!find("key").open) setTimeout(look, LIVE, turn + 1);
}

async function start() {
  notice("");
  // One question first: a wrong key is tried, and counted, once.
  if (!(await attempt(() => ask("status")))) return find("key").open || setTimeout(start, LIVE);
  look(0);
  attempt(() => showMessages(null));
}

translatePage();
find("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => showMessages(null));
});
find("send").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => send(event.target));
});
find("more-messages").addEventListener("click", () => attempt(() => showMessages(nextMessages)));
find("more-history").addEventListener("click", () => attempt(showHistory));
find("close").addEventListener("click", () => {
  chosen = null;
  find("detail").hidden = true;
});
find("kick").addEventListener("click", () => attempt(async () => {
  const { disconnected } = await ask(`devices/${encodeURIComponent(chosen)}/connections`, { method: "DELETE" });
  notice(text("kicked") + disconnected);
}));
start();
