/** The page: ties the room, the player, the connection and the views together. */

import { ClockKeeper } from "../common/clock-keeper.js";
import { ServerClock } from "../common/clock.js";
import { Connection } from "../common/connection.js";
import { copyText } from "../common/clipboard.js";
import { byId, setText } from "../common/elements.js";
import { attachHls } from "../common/hls.js";
import { withTicket } from "../common/media.js";
import { Party } from "../common/party/party.js";
import { ownPerson } from "../common/person.js";
import { Player } from "../common/player.js";
import { StatusView } from "../common/status-view.js";
import { isSayable, say, speak } from "../common/texts.js";
import { ChooseView } from "./choose-view.js";
import { Company } from "./company.js";
import { CoverView } from "./cover-view.js";
import { Credentials } from "./credentials.js";
import { EntryView } from "./entry-view.js";
import { addressOf, isHls, isOwnCopy, isServerFile, readScreen, titleOf } from "./film.js";
import { listenToKeys } from "./keyboard.js";
import { renderMediaSession } from "./media-session.js";
import { OwnCopy } from "./own-copy.js";
import { keepOwnerToken } from "./owned-rooms.js";
import { installProbe } from "./probe.js";
import { Readiness } from "./readiness.js";
import { Session, formerRoom } from "./session.js";
import { STEP_SECONDS, StageView } from "./stage-view.js";
import { Steering } from "./steering.js";
import { SubtitlesView } from "./subtitles-view.js";
import { TheatreView } from "./theatre-view.js";

const TIME_SHOWN_EVERY_MS = 200;
const ROOMS_ASKED_EVERY_MS = 5000;
/** An owner whose page has halted the film at its end waits this long for the server before it does so again. */
const REST_AGAIN_MS = 3000;

/** The room that the page is in, `{id, name, password, playhead}`, or null before it has joined one. */
let room = null;
/** Where the room that is being entered is in its film, once the server has told. */
let arriving = null;
let isBusy = false;
/** What was asked for without a connection, done when there is one. */
let pending = null;
/** The room that this tab was in before it was reloaded, until the page is back in it or has given up. */
let former = roomInAddress() === formerRoom()?.id ? formerRoom() : null;
let hasLostConnection = false;
let restedAt = -Infinity;
/** What the server's file that was loaded last was loaded with; null for one from elsewhere. */
let usedTicket = null;

const credentials = new Credentials();
const clock = new ServerClock();
const ownCopy = new OwnCopy();
const party = new Party();
const player = new Player(byId("video"), clock, sourceOf, { changed: render, playedOut: rest }, attach);
const readiness = new Readiness((isBuffering) => connection.send("party:buffering", { isBuffering }));

const connection = new Connection(
  {
    connected: enterWithConnection,
    disconnected: noteDisconnection,
    upgraded: () => keeper.measure(),
    time_pong: (pong) => keeper.hear(pong),
    error: noteRefusal,
    "party:playhead": takePlayhead,
    "room:deleted": () => expel("roomClosed"),
    "room:owner-changed": ({ ownerToken }) => room && keepOwnerToken(room.id, ownerToken ?? null),
    "room:banner": ({ message }) => status.keep("told", message),
  },
  () => credentials.token,
);
const keeper = new ClockKeeper(
  clock,
  (clientTime) => connection.send("time_ping", { clientTime }),
  () => connection.renew(),
);
const session = new Session(connection, () => credentials.invitation);
const status = new StatusView();
const steering = new Steering({ connection, player, playhead: () => room?.playhead ?? null, ownCopy, status });
const entry = new EntryView({
  create: (wishes) => enter(() => session.create(wishes), wishes.userName),
  join: (wishes) => enter(() => session.join(wishes), wishes.userName, wishes.roomId),
  bringKey,
  complain: (key) => status.complain(key),
});
const cover = new CoverView({
  choose: () => company.showChoice(),
  start: () => steering.start(),
  askReady: () => steering.askReady(),
  sayReady: (isReady) => steering.sayReady(isReady),
  watch: () => player.listen(),
  reload: () => player.reload(),
  pickCopy,
});
const stage = new StageView({
  playOrPause,
  seek: (position) => steering.seek(position),
  step: (seconds) => steering.step(seconds),
  setSpeed: (speed) => steering.setSpeed(speed),
  setVolume: (volume) => (player.volume = volume),
});
const theatre = new TheatreView(playOrPause);
const subtitles = new SubtitlesView({
  addressOf: (film, subtitle) => withTicket(`media/subtitle/${film}/${subtitle}`, party.you?.ticket ?? ""),
  complain: (key) => status.complain(key),
});
const choose = new ChooseView(() => party.you?.ticket ?? null, {
  putLink: (typed) => steering.putLink(typed),
  putCopy: (file) => steering.putCopy(file),
  putItem: (item) => steering.putItem(item),
});
const company = new Company({ party, connection, clock, status, changed: render, replayed: (film) => steering.put(film) });

connection.listen(party.handlers);
connection.listen(company.handlers);
party.addEventListener("change", render);
party.addEventListener("enter", followTicket);
party.addEventListener("kicked", () => expel("kickedOut"));
listenToKeys(
  {
    " ": playOrPause, k: playOrPause, ArrowLeft: () => steer(-5), ArrowRight: () => steer(5), j: () => steer(-STEP_SECONDS),
    l: () => steer(STEP_SECONDS), ArrowUp: () => stage.turn(1), ArrowDown: () => stage.turn(-1),
    m: () => stage.toggleMute(), f: () => theatre.toggleFullScreen(), c: () => subtitles.toggle(),
    p: () => theatre.togglePictureInPicture(), s: () => theatre.toggleSide(),
  },
  () => room !== null,
);
byId("leave").addEventListener("click", leave);
byId("copy-room-link").addEventListener("click", copyRoomLink);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
window.addEventListener("online", wake);
window.addEventListener("pageshow", (event) => event.persisted && wake());
setInterval(askForRooms, ROOMS_ASKED_EVERY_MS);
setInterval(renderTime, TIME_SHOWN_EVERY_MS);

installProbe({ room: () => room, party, player, clock });
speak("watch", render);
if (former) status.keep("entering");
else entry.invite(roomInAddress());
if (credentials.token !== null) connection.open();
render();

// The connection

function enterWithConnection() {
  keeper.reset();
  keeper.measure();
  readiness.reset();
  introduce(entry.name);
  const back = room ?? former;
  if (pending) pending();
  else if (back) comeBack(back);
  else askForRooms();
  render();
}

function introduce(name) {
  connection.send("introduce", { name, person: ownPerson() });
}

function noteDisconnection() {
  hasLostConnection = true;
  if (room) status.keep("lost");
  render();
}

/** The server lets nobody in from here, or wants another key than the page has. */
function noteRefusal(text) {
  if (text !== "Unauthorized" && text !== "Banned") return;
  connection.close();
  if (text === "Banned") {
    letGo();
    status.complain("banned");
    render();
    return;
  }
  const hadKey = credentials.hasKey;
  if (credentials.refuse()) {
    connection.open();
    return;
  }
  letGo();
  status.complain(hadKey ? "wrongMemberKey" : "invitationOver");
  render();
}

function bringKey(key) {
  if (!key) return;
  credentials.bringKey(key);
  status.keep("connecting");
  connection.open();
  render();
}

/** After sleep nothing that was measured holds. */
function wake() {
  connection.hurry();
  keeper.measure();
  player.resync();
}

// Getting in and out

function comeBack({ id, password }) {
  enter(() => session.join({ userName: entry.name, roomId: id, password }), entry.name, id);
}

/** Does what gets the page into a room, by `attempt`. */
async function enter(attempt, userName, roomId = null) {
  const isReturn = room !== null;
  if (!isReturn) status.keep(connection.isOpen ? "entering" : "connecting");
  pending = connection.isOpen ? null : () => enter(attempt, userName, roomId);
  if (pending) return;
  isBusy = true;
  if (!isReturn) arriving = null;
  introduce(userName);
  render();
  const outcome = await attempt();
  isBusy = false;
  if (outcome?.room) entered(outcome);
  else if (outcome?.refusal) refused(outcome, roomId);
  else if (outcome === null && !room && !former) pending = () => enter(attempt, userName, roomId);
  render();
}

function entered({ room: told, password }) {
  const isReturn = room?.id === told.id && hasLostConnection;
  const playhead = arriving ?? (room?.id === told.id ? room.playhead : null);
  room = { id: told.id, name: told.name, password, playhead };
  arriving = null;
  former = null;
  hasLostConnection = false;
  history.replaceState(null, "", `?room=${encodeURIComponent(room.id)}`);
  if (isReturn) status.tell("back");
  else status.tell("entered", room.name || room.id);
  follow();
}

function refused({ refusal }, roomId) {
  const wantsPassword = refusal === "wrongPassword" || refusal === "wrong_password";
  letGo();
  entry.invite(wantsPassword || refusal === "locked" ? roomId : null, wantsPassword);
  const words = [`entry_${refusal}`, `refusal_${refusal}`].find(isSayable) ?? "entry_refused";
  status.complain(words, roomId);
  if (wantsPassword) entry.focusPassword();
}

function leave() {
  if (!room) return;
  connection.send("room:leave");
  letGo();
  entry.invite(null);
  status.tell("left");
  askForRooms();
  render();
  byId("name").focus();
}

/** The room is gone for this page. */
function expel(reason) {
  if (!room && !former) return;
  if (room && reason === "roomClosed") keepOwnerToken(room.id, null);
  letGo();
  entry.invite(null);
  status.complain(reason);
  render();
}

function letGo() {
  session.forget();
  pending = null;
  room = null;
  arriving = null;
  former = null;
  if (document.fullscreenElement) document.exitFullscreen();
  history.replaceState(null, "", location.pathname);
  follow();
  party.leave();
}

/** The address leads into the room whoever has the key; others need an invitation. */
async function copyRoomLink() {
  status.tell((await copyText(location.href)) ? "linkCopied" : "copyFailed");
}

function roomInAddress() {
  return new URLSearchParams(location.search).get("room")?.trim() || null;
}

async function askForRooms() {
  if (room || former || isBusy || !credentials.hasKey || !connection.isOpen || document.visibilityState !== "visible") return;
  entry.takeRooms(await connection.ask("room:list"));
  render();
}

// What the server tells

function takePlayhead(event) {
  const playhead = readScreen(event);
  if (!room || isBusy) arriving = playhead;
  if (!room) return;
  room.playhead = playhead;
  follow();
  stage.noteMove();
  render();
}

/** The player and the subtitles follow the room. */
function follow() {
  const film = room?.playhead?.track ?? null;
  player.follow(room?.playhead ?? null);
  subtitles.follow(film);
  company.follow(film);
}

/** The ticket stays the same when the page comes back; another one opens what the former one has closed. */
function followTicket() {
  const hasOther = usedTicket !== null && usedTicket !== (party.you?.ticket ?? "");
  if (hasOther || player.trouble?.kind === "refused") player.reload();
}

// The film

function sourceOf(film) {
  return isOwnCopy(film) ? ownCopy.sourceFor(film.videoId) : addressOf(film);
}

/** Has the element load an address, with the room's ticket where it is the server's. */
function attach(media, source, fail) {
  usedTicket = isServerFile(source) ? (party.you?.ticket ?? "") : null;
  const authorised = (address) => (isServerFile(address) ? withTicket(address, party.you?.ticket ?? "") : address);
  if (source.startsWith("http") && isHls(source)) return attachHls(media, source, authorised, fail);
  media.src = authorised(source);
  media.load();
  return () => {};
}

function playOrPause() {
  if (room && party.may("control")) steering.playOrPause();
}

function steer(seconds) {
  if (party.may("control")) steering.step(seconds);
}

/** At the end of a film it rests there. */
function rest() {
  if (!party.isOwner || !connection.isOpen || performance.now() - restedAt < REST_AGAIN_MS) return;
  restedAt = performance.now();
  steering.pause();
}

async function pickCopy(file) {
  const film = room?.playhead?.track;
  if (!isOwnCopy(film)) return;
  status.keep("readingCopy");
  await ownCopy.take(file, film.videoId, film.copy);
  const found = ownCopy.differencesFor(film.videoId);
  if (found.length > 0) status.complain("otherCopy", found.map((each) => say(`differs_${each}`)));
  else status.tell("sameCopy");
  follow();
  render();
}

// Showing it

function render() {
  status.render();
  entry.render({ hasToken: credentials.token !== null, hasKey: credentials.hasKey, isBusy });
  byId("entry").hidden = room !== null || former !== null;
  byId("room").hidden = room === null;
  byId("leave").hidden = room === null;
  byId("copy-room-link").hidden = room === null;
  setText(byId("copy-room-text"), room?.id ?? "");
  byId("copy-room-link").setAttribute("aria-label", room ? say("copyRoomLink", room.id) : "");
  setText(byId("room-name"), room ? (party.room?.name ?? room.name) : "");
  renderMediaSession(room?.playhead?.track ?? null, party.may("control"), {
    play: () => steering.start(), pause: () => steering.pause(),
    seekbackward: () => steer(-STEP_SECONDS), seekforward: () => steer(STEP_SECONDS),
  });
  document.title = pageTitle();
  if (!room) return;
  const page = pageOf();
  stage.render(page);
  cover.render(page);
  subtitles.render();
  theatre.render();
  choose.render(page);
  company.render(page);
  renderTime();
}

function renderTime() {
  if (!room) return;
  stage.renderTime(pageOf());
  subtitles.renderTime(player.position);
  company.renderTime(player.position, room.playhead);
  noteReadiness();
}

/** Nobody is waited for who sees a channel, or who can see nothing however long the room waits. */
function noteReadiness() {
  const isFilm = room.playhead?.track?.type === "play";
  const isBeyondHelp = !isFilm || player.trouble !== null || player.isBlocked;
  readiness.note({ isStuck: isFilm && player.isWaiting, isLoaded: isBeyondHelp || player.isLoaded });
}

function pageOf() {
  const { playhead } = room;
  const film = playhead?.track ?? null;
  return { room, party, film, playhead, player, clock, ownCopy, isOpen: connection.isOpen, isShared: company.isShared };
}

function pageTitle() {
  if (!room) return "Roomhub watch";
  const film = room.playhead?.track && titleOf(room.playhead.track);
  return `${film || room.name || room.id} · Roomhub watch`;
}
