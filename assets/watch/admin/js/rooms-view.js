/** The rooms with their members, and what an operator may do to them. */

import { button, byId, element, emptyNote } from "../../common/elements.js";
import { say } from "../../common/texts.js";
import { askFor, confirm } from "./question.js";

const BAN_MINUTES = "60";

/** `act(method, path, body)` has the server do something. */
export function showRooms({ rooms, now }, act) {
  const shown = rooms.length ? rooms.map((room) => roomItem(room, now, act)) : [emptyNote(say("noRooms"))];
  byId("rooms").replaceChildren(...shown);
}

function roomItem(room, now, act) {
  const isOwnerHere = room.members.some((member) => member.isOwner);
  const states = { hidden: !room.isPublic, password: room.hasPassword, ownerAway: !isOwnerHere };
  const tags = [room.roomType, ...Object.keys(states).map((state) => states[state] && say(state))];
  const name = room.name || room.id;
  const showBanner = async () => {
    const message = await askFor(say("askBanner", name));
    if (message) await act("POST", `rooms/${room.id}/banner`, { message });
  };
  const close = async () => {
    if (await confirm(say("askClose", name))) await act("POST", `rooms/${room.id}/close`);
  };
  return element(
    "article",
    { class: "room" },
    element(
      "header",
      { class: "card-top" },
      element("h3", {}, name, " ", element("code", { class: "soft" }, room.id)),
      element("p", { class: "tags" }, ...tags.filter(Boolean).map((tag) => element("span", { class: "badge" }, tag))),
      buttons(compact("banner", room.id, showBanner), compact("close", room.id, close, "danger")),
    ),
    element("p", { class: "screen soft" }, onScreen(room.currentState)),
    element("ul", { class: "rows" }, ...room.members.map((member) => memberItem(member, now, act))),
  );
}

function memberItem({ id, name, isOwner, address, lastHeartbeat }, now, act) {
  const silence = Math.max(0, Math.round((now - lastHeartbeat) / 1000));
  const kick = async () => {
    if (await confirm(say("askKick", name))) await act("POST", `members/${id}/kick`);
  };
  const ban = async () => {
    const minutes = await askFor(say("askBan", address), "number", BAN_MINUTES);
    if (minutes > 0) await act("POST", "bans", { address, seconds: Math.round(minutes * 60) });
  };
  return element(
    "li",
    {},
    element("span", { class: "name" }, name || "–"),
    ...(isOwner ? [element("span", { class: "badge is-strong" }, say("owner"))] : []),
    element("code", { class: "soft" }, address ?? ""),
    buttons(
      element("span", { class: "silence" }, say("silentFor", silence)),
      compact("kick", id, kick),
      compact("ban", id, ban, "danger"),
    ),
  );
}

function buttons(...content) {
  return element("div", { class: "buttons" }, ...content);
}

function compact(text, id, press, kind = "") {
  return button(say(text), press, { class: `outlined is-compact ${kind}`, "data-focus": `${text} ${id}` });
}

function onScreen(state) {
  if (!state) return say("nothing");
  const title = state.videoName ?? state.channelName ?? state.song?.name ?? state.ownerName ?? "";
  return [state.type, title, state.episode && `#${state.episode}`].filter(Boolean).join(" · ");
}
