// The admin page: signs in with the key, if the server wants one, shows what there is every two seconds, and does what is asked.

import { chart } from "./chart.js";
import { language, texts } from "./texts.js";

const REFRESH_MS = 2_000;
const KEY = "roomhub-watch-key";
const at = (id) => document.getElementById(id);

document.documentElement.lang = language;
for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts[element.dataset.text];

let timer = null;
at("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value);
  at("key").value = "";
  refresh();
});
at("sign-out").addEventListener("click", () => signOut(""));
refresh();

/** Shows the present state, and goes on doing so. */
async function refresh() {
  clearTimeout(timer);
  try {
    const response = await call("GET", "overview");
    const told = await response.json();
    if ([401, 429].includes(response.status)) {
      const isWrong = response.status === 401 && sessionStorage.getItem(KEY);
      return signOut([isWrong && texts.wrongKey, told.error].filter(Boolean).join(" "));
    }
    show(told);
  } catch {
    at("summary").textContent = texts.away;
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

function signOut(reason) {
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  at("summary").textContent = "";
  at("refusal").textContent = reason;
  at("office").hidden = at("sign-out").hidden = true;
  at("entrance").hidden = false;
  at("key").focus();
}

function call(method, path, body) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  return fetch(`api/${path}`, { method, headers, body: body && JSON.stringify(body) });
}

function show(overview) {
  at("entrance").hidden = true;
  at("office").hidden = false;
  at("sign-out").hidden = !sessionStorage.getItem(KEY);
  const { rooms, totalMembers, connected, sinceStart, minutes, bans } = overview;
  at("summary").textContent = `${texts.summary(rooms.length, totalMembers, connected)} · ${texts.since(sinceStart)}`;
  const present = { rooms: rooms.length, members: totalMembers };
  const charts = ["rooms", "members", "chats", "events"].map((field) => {
    const past = minutes.map((minute) => minute[field]);
    return chart(texts[field], past, present[field] ?? past.at(-1) ?? 0);
  });
  document.querySelector(".charts").replaceChildren(...charts);
  keepingFocus(() => {
    at("rooms").replaceChildren(...(rooms.length ? rooms.map((room) => card(room, overview.now)) : [note(texts.noRooms)]));
    at("bans").replaceChildren(...(bans.length ? bans.map(banned) : [note(texts.noBans)]));
  });
}

/** What is shown anew keeps the focus of whoever uses the keyboard. */
function keepingFocus(change) {
  const key = document.activeElement?.dataset?.focus;
  change();
  if (key) document.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus();
}

function card(room, now) {
  const isOwnerHere = room.members.some((member) => member.isOwner);
  const tags = [room.roomType, !room.isPublic && texts.hidden, room.hasPassword && texts.password, !isOwnerHere && texts.ownerAway];
  return element("article", { className: "room" }, [
    element("header", {}, [
      element("h3", {}, [room.name || room.id, " ", element("code", {}, [room.id])]),
      element("p", { className: "tags" }, tags.filter(Boolean).map((tag) => element("span", {}, [tag]))),
      button(texts.banner, `banner ${room.id}`, async () => {
        const message = await ask(texts.askBanner, "text");
        if (message) await act("POST", `rooms/${room.id}/banner`, { message });
      }),
      button(texts.close, `close ${room.id}`, async () => {
        if (await ask(texts.askClose)) await act("POST", `rooms/${room.id}/close`);
      }, "danger"),
    ]),
    element("p", { className: "screen" }, [onScreen(room.currentState)]),
    element("ul", {}, room.members.map((member) => row(member, now))),
  ]);
}

function row(member, now) {
  const silence = Math.max(0, Math.round((now - member.lastHeartbeat) / 1000));
  return element("li", {}, [
    element("span", { className: "name" }, [member.name || "–", member.isOwner ? ` (${texts.owner})` : ""]),
    element("code", {}, [member.address ?? ""]),
    element("span", { className: "silence" }, [`${silence} s`]),
    button(texts.kick, `kick ${member.id}`, async () => {
      if (await ask(`${texts.askKick} ${member.name}`)) await act("POST", `members/${member.id}/kick`);
    }),
    button(texts.ban, `ban ${member.id}`, async () => {
      const minutes = await ask(`${texts.askBan} ${member.address}`, "number", "60");
      if (minutes > 0) await act("POST", "bans", { address: member.address, seconds: Math.round(minutes * 60) });
    }, "danger"),
  ]);
}

function banned({ address, until }) {
  const time = new Date(until).toLocaleTimeString(language);
  return element("li", {}, [
    element("code", {}, [address]),
    ` ${texts.until} ${time} `,
    button(texts.lift, `lift ${address}`, () => act("DELETE", `bans/${address}`)),
  ]);
}

function onScreen(state) {
  if (!state) return texts.nothing;
  const title = state.videoName ?? state.channelName ?? state.song?.name ?? state.ownerName ?? "";
  return [state.type, title, state.episode && `#${state.episode}`].filter(Boolean).join(" · ");
}

async function act(method, path, body) {
  await call(method, path, body).catch(() => {});
  await refresh();
}

/** Asks before something is done; the answer, or an empty one. */
function ask(text, type, value = "") {
  const dialog = at("question");
  const input = at("question-answer");
  at("question-text").textContent = text;
  input.hidden = !type;
  input.type = type ?? "text";
  input.value = value;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const isMeant = dialog.returnValue === "yes";
      resolve(isMeant ? (type ? input.value : "yes") : "");
    }, { once: true });
  });
}

function button(text, focus, action, className = "") {
  const made = element("button", { type: "button", className }, [text]);
  made.dataset.focus = focus;
  made.addEventListener("click", action);
  return made;
}

function note(text) {
  return element("p", { className: "note" }, [text]);
}

function element(name, properties, children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
