/** The page: ties the room, the player, the connection and the views together. */

import { byId } from "../common/elements.js";
import { remember } from "../common/memory.js";
import { StatusView } from "../common/status-view.js";
import { isSayable, say, speak } from "../common/texts.js";
import { ClockKeeper } from "../common/clock-keeper.js";
import { ServerClock } from "../common/clock.js";
import { Connection } from "../common/connection.js";
import { Entrance } from "./entrance.js";
import { EntryView } from "./entry-view.js";
import { renderMediaSession } from "./media-session.js";
import { MembersView } from "./members-view.js";
import { Player, troubleWith } from "../common/player.js";
import { installProbe } from "./probe.js";
import { QueueView } from "./queue-view.js";
import { withAdded, withMoved, withoutIndex } from "./queue.js";
import { forgetRoom, recallRoom, rememberRoom } from "./room-memory.js";
import { Room } from "./room.js";
import { ShareView } from "./share-view.js";
import { StageView } from "./stage-view.js";
import { SAMPLE, kindWithoutAudio, sourceOf, titleOf, trackFromAddress } from "./track.js";
import { troubleText } from "./trouble.js";

const TIME_SHOWN_EVERY_MS = 200;
const REMEMBERED_EVERY_MS = 2000;
/** A host who moved on at the end of a track waits this long for the server before trying again. */
const MOVE_ON_AGAIN_MS = 5000;
/** A track that the host cannot load is passed over after this long. */
const PASS_OVER_AFTER_MS = 3000;

/** The room that the page shows, or null at the door. */
let room = null;
/** The room that is being entered, once the server has told something of it. */
let arriving = null;
/** The room that this tab was in before it was reloaded, until the page is back in it or has given up. */
let former = formerRoom();
let hasLostConnection = false;
let movedOnAt = -Infinity;
/** The address of a track that the host cannot load, and the timer that passes it over. */
let hopeless = { source: null, timer: null };

const clock = new ServerClock();
const player = new Player(byId("audio"), clock, sourceOf, { changed: render, playedOut: moveOn });

const connection = new Connection({
  connected: enterWithConnection,
  disconnected: noteDisconnection,
  upgraded: () => keeper.measure(),
  time_pong: (pong) => keeper.hear(pong),
  "room-created": (reply) => entrance.handleCreated(reply),
  "room-joined": (reply) => entrance.handleJoined(reply),
  "room-left": () => {},
  "room-users": takeCount,
  "room-members": takeMembers,
  "room-playhead": takePlayhead,
  "room-playlist": takePlaylist,
  error: ({ code }) => entrance.handleError(code),
});
const keeper = new ClockKeeper(
  clock,
  (clientTime) => connection.send("time_ping", { clientTime }),
  () => connection.renew(),
);
const entrance = new Entrance((event, data) => connection.send(event, data), {
  entered,
  refused,
  waitingForHost: () => status.keep("waitingForHost"),
});

const status = new StatusView();
const entry = new EntryView({ create, join, complain: (key) => status.complain(key) });
const stage = new StageView({
  playOrPause,
  seek: (position) => control("seek", { currentTime: position }),
  next: playNext,
  listen: () => player.listen(),
  reload: () => player.reload(),
  setVolume: (volume) => (player.volume = volume),
});
const queueView = new QueueView({ add, playNow, move, remove });
const membersView = new MembersView(rename);
const shareView = new ShareView((key) => status.tell(key));

byId("leave").addEventListener("click", leave);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
window.addEventListener("online", wake);
window.addEventListener("pageshow", (event) => event.persisted && wake());
window.addEventListener("pagehide", keepForReload);
setInterval(keepForReload, REMEMBERED_EVERY_MS);
setInterval(renderTime, TIME_SHOWN_EVERY_MS);

installProbe({ room: () => room, player, clock });
speak("music", render);
if (!former) entry.invite(roomInAddress());
else status.keep("entering");
render();

// The connection

function enterWithConnection() {
  keeper.reset();
  keeper.measure();
  connection.send("introduce", { name: entry.name });
  if (entrance.resume()) status.keep("entering");
  else if (room) entrance.comeBack(room.id, room.isHost ? openingOf(room) : null);
  else if (former) entrance.comeBack(former.id, former.isHost ? formerOpening(former) : null);
  render();
}

function noteDisconnection() {
  hasLostConnection = true;
  if (room) status.keep("lost");
  render();
}

/** After sleep nothing that was measured holds. */
function wake() {
  connection.hurry();
  keeper.measure();
  player.resync();
}

// Getting in and out

function create(name) {
  begin(name);
  entrance.create({ ...SAMPLE });
}

function join(name, roomId) {
  begin(name);
  entrance.join(roomId);
}

function begin(name) {
  status.keep(connection.isOpen ? "entering" : "connecting");
  connection.send("introduce", { name });
  queueMicrotask(render);
}

function entered(roomId) {
  const isReturn = room?.id === roomId && hasLostConnection;
  if (room?.id !== roomId) room = arriving?.id === roomId ? arriving : new Room(roomId);
  arriving = null;
  former = null;
  hasLostConnection = false;
  history.replaceState(null, "", `?room=${encodeURIComponent(roomId)}`);
  if (isReturn) status.tell("back");
  else status.tell("entered", roomId);
  player.follow(room.playhead);
  render();
}

function refused(code, roomId) {
  letGo();
  entry.invite(code === "room_full" ? roomId : null);
  status.complain(isSayable(code) ? code : "refused", roomId);
  render();
}

function leave() {
  if (!room) return;
  connection.send("leave-room", { roomId: room.id });
  letGo();
  entry.invite(null);
  status.tell("left");
  render();
  byId("name").focus();
}

function letGo() {
  entrance.abandon();
  room = null;
  arriving = null;
  former = null;
  forgetRoom();
  player.follow(null);
  history.replaceState(null, "", location.pathname);
}

/** What a host opens the room with when the server has lost it. */
function openingOf({ track, playhead, queue }) {
  const position = () => player.targetPosition ?? playhead?.position ?? 0;
  return { track, position, isPlaying: playhead?.isPlaying ?? true, queue };
}

function formerOpening({ track, position, isPlaying, queue }) {
  const recalledAt = performance.now();
  const sincePageLoad = () => (isPlaying ? (performance.now() - recalledAt) / 1000 : 0);
  return { track: track ?? null, position: () => position + sincePageLoad(), isPlaying, queue: queue ?? [] };
}

function formerRoom() {
  const recalled = recallRoom();
  return recalled?.id === roomInAddress() ? recalled : null;
}

function roomInAddress() {
  return new URLSearchParams(location.search).get("room")?.trim() || null;
}

function keepForReload() {
  if (!room?.playhead) return;
  const { id, isHost, track, queue, playhead } = room;
  rememberRoom({ id, isHost, track, queue, isPlaying: playhead.isPlaying, position: player.targetPosition });
}

// What the server tells

function takeMembers(event) {
  const told = roomNamed(event.roomId);
  if (!told) return;
  const formerHost = told.hostId;
  told.takeMembers(event, connection.id);
  if (told !== room) return;
  if (formerHost !== null && formerHost !== room.hostId) announceHost();
  keepForReload();
  render();
}

function takePlayhead(event) {
  const told = roomNamed(event.roomId);
  if (!told) return;
  told.takePlayhead(event);
  if (told !== room) return;
  if (player.follow(room.playhead)) movedOnAt = -Infinity;
  stage.noteMove();
  keepForReload();
  render();
}

function takePlaylist(event) {
  const told = roomNamed(event.roomId);
  if (!told) return;
  told.takePlaylist(event);
  if (told !== room) return;
  keepForReload();
  render();
}

/** The count comes without a room's id: it is of the one that the page is in. */
function takeCount(event) {
  const told = room ?? arriving;
  if (!told) return;
  told.takeCount(event);
  render();
}

/** The room of that id that the page is in or on its way into. */
function roomNamed(id) {
  if (room?.id === id) return room;
  if (!entrance.isBusy) return null;
  if (arriving?.id !== id) arriving = new Room(id);
  return arriving;
}

function announceHost() {
  if (room.isHost) status.tell("youAreHost");
  else status.tell("newHost", room.hostName ?? say("guest"));
}

// What the host does

function control(event, data) {
  if (room?.isHost) connection.send(event, { roomId: room.id, ...data });
}

function playOrPause() {
  if (!room?.playhead) return;
  const { duration, targetPosition, hasPlayedOut } = player;
  if (room.playhead.isPlaying && !hasPlayedOut) {
    control("pause", { currentTime: targetPosition });
  } else {
    const isAtEnd = duration !== null && targetPosition >= duration - 0.05;
    control("play", { currentTime: isAtEnd ? 0 : targetPosition });
  }
}

function playTrack(track) {
  control("track-change", { track });
  if (!room.playhead?.isPlaying) control("play", { currentTime: 0 });
}

function playNext() {
  if (room?.queue.length > 0) playNow(0);
}

function playNow(index) {
  playTrack(room.queue[index]);
  changeQueue(withoutIndex(room.queue, index));
}

/** At the end of a track: the next one, or a rest at the end. */
function moveOn() {
  if (!room?.isHost || !connection.isOpen || performance.now() - movedOnAt < MOVE_ON_AGAIN_MS) return;
  movedOnAt = performance.now();
  if (room.queue.length > 0) playNext();
  else control("pause", { currentTime: player.duration });
}

/** A dead link must not stop the party: the host's page passes it over, and says so. */
function watchForHopeless() {
  const isHopeless = room?.isHost && room.playhead?.isPlaying && player.isHopeless;
  const source = isHopeless ? sourceOf(room.track) : null;
  if (source === hopeless.source) return;
  clearTimeout(hopeless.timer);
  hopeless = { source, timer: source && setTimeout(passOver, PASS_OVER_AFTER_MS) };
}

function passOver() {
  const title = titleOf(room.track) ?? say("untitled");
  if (room.queue.length > 0) {
    status.tell("passedOver", title);
    playNext();
  } else {
    status.complain("nothingElse", title);
    control("pause", { currentTime: player.targetPosition ?? 0 });
  }
}

/** Queues what was typed, or plays it if nothing plays; resolves to a complaint or null. */
async function add(typed) {
  const track = trackFromAddress(typed);
  if (!track) return say("badAddress");
  const kind = kindWithoutAudio(track.url);
  if (kind) return say(`${kind}Address`);
  status.keep("checking");
  const trouble = await troubleWith(track.url);
  status.clear();
  // What could not be tried once is not tried again by itself.
  if (trouble) return troubleText(trouble.kind === "network" ? { kind: "unusable" } : trouble);
  if (!room?.isHost) return null;
  const isIdle = !room.track || (player.duration !== null && player.targetPosition >= player.duration);
  if (isIdle && room.queue.length === 0) {
    playTrack(track);
  } else {
    changeQueue(withAdded(room.queue, track));
    status.tell("added", titleOf(track));
  }
  return null;
}

function move(index, distance) {
  changeQueue(withMoved(room.queue, index, distance));
}

function remove(index) {
  changeQueue(withoutIndex(room.queue, index));
}

function changeQueue(queue) {
  room.expectQueue(queue);
  control("playlist-update", { playlist: queue });
  render();
}

function rename(name) {
  entry.name = name;
  remember("name", name);
  connection.send("introduce", { name });
  render();
}

// Showing it

function render() {
  status.render();
  entry.render(entrance.isBusy);
  byId("entry").hidden = room !== null || former !== null;
  byId("room").hidden = room === null;
  byId("leave").hidden = room === null;
  renderMediaSession(room, { play: playOrPause, pause: playOrPause, nexttrack: playNext });
  document.title = pageTitle();
  watchForHopeless();
  if (!room) return;

  const page = { room, player, clock, isOpen: connection.isOpen, name: entry.name };
  stage.render(page);
  queueView.render(page);
  membersView.render(page);
  shareView.render(page);
  renderTime();
}

function renderTime() {
  if (room) stage.renderTime({ room, player, clock, isOpen: connection.isOpen });
}

function pageTitle() {
  if (!room) return "Roomhub music";
  const track = room.track && titleOf(room.track);
  return track ? `${track} · ${room.id}` : `${room.id} · Roomhub music`;
}
