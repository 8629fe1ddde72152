/** The page: ties the room, the player, the connection and the views together. */

import { byId } from "../common/elements.js";
import { remember } from "../common/memory.js";
import { StatusView } from "../common/status-view.js";
import { isSayable, say, speak } from "../common/texts.js";
import { ClockKeeper } from "../common/clock-keeper.js";
import { ServerClock } from "../common/clock.js";
import { Connection } from "../common/connection.js";
import { LibraryPicker } from "../common/library-picker.js";
import { listMedia, ownFileId } from "../common/media.js";
import { Panels } from "../common/panels.js";
import { Party } from "../common/party/party.js";
import { ownPerson } from "../common/person.js";
import { Player } from "../common/player.js";
import { AddView } from "./add-view.js";
import { Company } from "./company.js";
import { Entrance } from "./entrance.js";
import { EntryView } from "./entry-view.js";
import { Loading } from "./loading.js";
import { LyricsView } from "./lyrics-view.js";
import { renderMediaSession } from "./media-session.js";
import { MembersView } from "./members-view.js";
import { PasswordDialog } from "./password-dialog.js";
import { installProbe } from "./probe.js";
import { QueueView } from "./queue-view.js";
import { forgetRoom, formerOpening, recallRoom, rememberRoom } from "./room-memory.js";
import { Room } from "./room.js";
import { ShareView } from "./share-view.js";
import { StageView } from "./stage-view.js";
import { Steering } from "./steering.js";
import { SuggestionsView } from "./suggestions-view.js";
import { SAMPLE, sourceOf, titleOf, trackFromItem } from "./track.js";
import { uploadFile } from "./upload.js";

const TIME_SHOWN_EVERY_MS = 200;
const REMEMBERED_EVERY_MS = 2000;
/** Where the two columns of the page become one. */
const NARROW = "(max-width: 900px)";
/** Why the server may want another password. */
const PASSWORD_WANTED = ["password_required", "wrong_password"];

/** The room that the page shows, or null before it has one. */
let room = null;
/** The room that is being entered, once the server has told something of it. */
let arriving = null;
/** The room that this tab was in before it was reloaded, until the page is back in it or has given up. */
let former = formerRoom();
/** What opened the room: `{isPublic, password, invitation}`. */
let secrets = former?.secrets ?? {};
let hasLostConnection = false;
/** What the server has of its own, as far as this page may see it. */
let library = { isThere: false, maxUploadBytes: 0 };

const clock = new ServerClock();
const party = new Party();
const loading = new Loading(() => room?.ticket ?? null);
const player = new Player(
  byId("audio"),
  clock,
  loadableSourceOf,
  { changed: noteSound, playedOut: () => steering.moveOn() },
  (media, source, fail) => loading.attach(media, source, fail),
);

const connection = new Connection({
  ...party.handlers,
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
  "queue:mode": (event) => takeOfOwn((told) => told.takeMode(event)),
  "queue:suggestions": (event) => takeOfOwn((told) => told.takeSuggestions(event)),
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
const steering = new Steering({ room: () => room, player, connection, status, render });
const entry = new EntryView({ create, join, complain: (key) => status.complain(key) });
const stage = new StageView({
  playOrPause: () => steering.playOrPause(),
  seek: (position) => steering.seek(position),
  next: () => steering.next(),
  previous: () => steering.previous(),
  toggleShuffle: () => steering.toggleShuffle(),
  cycleRepeat: () => steering.cycleRepeat(),
  listen: () => player.listen(),
  reload: () => player.reload(),
  setVolume: (volume) => (player.volume = volume),
});
const panels = new Panels(byId("main-panels"), byId("side-panels"), NARROW, render);
const company = new Company({ party, connection, clock, status, panels, replay: (tracks) => steering.replay(tracks) });
const queueView = new QueueView({
  playEntry: (index) => steering.playEntry(index),
  move: (from, to) => steering.move(from, to),
  remove: (index) => steering.remove(index),
  vote: (id) => steering.vote(id),
  toggleByVotes: () => steering.toggleByVotes(),
  moved: (title, place) => status.tell("moved", title, place),
});
const suggestionsView = new SuggestionsView({
  vote: (id) => steering.vote(id),
  approve: (id) => steering.approve(id),
  reject: (id) => steering.reject(id),
});
const addView = new AddView({ add: (typed) => steering.add(typed), openLibrary: () => picker.open(), upload });
const picker = new LibraryPicker({
  kind: "audio",
  ticketOf: () => room?.ticket ?? "",
  chooseKey: "addTrack",
  choose: (item) => steering.addTrack(trackFromItem(item)),
});
const lyricsView = new LyricsView({ seek: (position) => steering.seek(position), changed: render });
const membersView = new MembersView(rename);
const shareView = new ShareView((key) => status.tell(key));
const passwordDialog = new PasswordDialog();

party.addEventListener("change", takeStanding);
party.addEventListener("enter", lookForLibrary);
party.addEventListener("kicked", () => putOut("kickedOut"));
party.addEventListener("notice", ({ detail }) => detail.code === "track_skipped" && status.tell("passedOver", detail.name ?? say("untitled")));
byId("leave").addEventListener("click", leave);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
window.addEventListener("online", wake);
window.addEventListener("pageshow", (event) => event.persisted && wake());
window.addEventListener("pagehide", keepForReload);
setInterval(keepForReload, REMEMBERED_EVERY_MS);
setInterval(renderTime, TIME_SHOWN_EVERY_MS);

installProbe({ room: () => room, player, clock });
speak("music", () => {
  company.speak();
  render();
});
company.speak();
if (!former) entry.invite(roomInAddress());
else status.keep("entering");
render();

// The connection

function enterWithConnection() {
  keeper.reset();
  keeper.measure();
  introduce();
  if (entrance.resume()) status.keep("entering");
  else if (room) entrance.comeBack(room.id, room.isHost ? openingOf(room) : null, secrets);
  else if (former) entrance.comeBack(former.id, former.isHost ? formerOpening(former) : null, secrets);
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

function introduce() {
  connection.send("introduce", { name: entry.name, person: ownPerson() });
}

// Getting in and out

function create(name, wanted) {
  begin(name);
  entrance.create({ ...SAMPLE }, wanted);
}

function join(name, roomId) {
  begin(name);
  const invitation = invitationInAddress();
  entrance.join(roomId, invitation && roomId === roomInAddress() ? { invitation } : {});
}

function begin(name) {
  entry.name = name;
  status.keep(connection.isOpen ? "entering" : "connecting");
  introduce();
  queueMicrotask(render);
}

function entered(roomId, used) {
  const isReturn = room?.id === roomId && hasLostConnection;
  if (room?.id !== roomId) {
    room = arriving?.id === roomId ? arriving : new Room(roomId, party);
    panels.prefer(room.nMembers > 1 ? "chat-panel" : "share-panel");
  }
  arriving = null;
  former = null;
  secrets = used;
  hasLostConnection = false;
  history.replaceState(null, "", `?room=${encodeURIComponent(roomId)}`);
  if (isReturn) status.tell("back");
  else status.tell("entered", roomId);
  player.follow(room.playhead);
  render();
}

async function refused(code, roomId, used) {
  letGo();
  if (PASSWORD_WANTED.includes(code)) {
    status.clear();
    render();
    const password = await passwordDialog.ask(roomId, code === "wrong_password");
    if (password !== null) {
      status.keep("entering");
      entrance.join(roomId, { ...used, password });
    }
  } else {
    status.complain(isSayable(code) ? code : "refused", roomId);
  }
  entry.invite(code === "room_full" || PASSWORD_WANTED.includes(code) ? roomId : null);
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

/** The page is out of the room without having wanted it. */
function putOut(reason) {
  letGo();
  entry.invite(null);
  status.complain(reason);
  render();
}

function letGo() {
  entrance.abandon();
  party.leave();
  room = null;
  arriving = null;
  former = null;
  secrets = {};
  library = { isThere: false, maxUploadBytes: 0 };
  forgetRoom();
  player.follow(null);
  lyricsView.follow(null);
  picker.close();
  company.hide();
  history.replaceState(null, "", location.pathname);
}

/** What a host opens the room with when the server has lost it. */
function openingOf({ track, playhead, queue }) {
  const position = () => player.targetPosition ?? playhead?.position ?? 0;
  return { track, position, isPlaying: playhead?.isPlaying ?? true, queue };
}

function formerRoom() {
  const recalled = recallRoom();
  return recalled?.id === roomInAddress() ? recalled : null;
}

function roomInAddress() {
  return new URLSearchParams(location.search).get("room")?.trim() || null;
}

/** The invitation of a link, which is behind its `#`: browsers do not send that to servers. */
function invitationInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("invitation");
}

function keepForReload() {
  if (!room?.playhead) return;
  const { id, isHost, track, queue, playhead } = room;
  const position = player.targetPosition;
  rememberRoom({ id, isHost, track, queue, isPlaying: playhead.isPlaying, position, secrets });
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
  if (player.follow(room.playhead)) steering.noteMove();
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

/** So do other events, which may also be the first that the page hears of a room. */
function takeOfOwn(take) {
  const told = room ?? roomNamed(entrance.roomId);
  if (!told) return;
  take(told);
  render();
}

/** Where the sound of a track is; null for a file of the server's own as long as the page has no ticket to it. */
function loadableSourceOf(track) {
  return ownFileId(track?.url) !== null && !room?.ticket ? null : sourceOf(track);
}

/** What a ticket that is gone has closed, a new one opens. */
function noteSound() {
  if (player.trouble && loading.isStale) player.reload();
  else render();
}

/** The page was told what it may do, and what opens the server's own files. */
function takeStanding() {
  if (room) player.follow(room.playhead);
  noteSound();
}

async function lookForLibrary() {
  const { ticket } = party.you;
  const list = ticket ? await listMedia(ticket) : null;
  if (party.you?.ticket !== ticket) return;
  library = { isThere: list?.hasFolder ?? false, maxUploadBytes: list?.maxUploadBytes ?? 0 };
  render();
}

/** The room of that id that the page is in or on its way into. */
function roomNamed(id) {
  if (room?.id === id) return room;
  if (!entrance.isBusy || id === null) return null;
  if (arriving?.id !== id) arriving = new Room(id, party);
  return arriving;
}

function announceHost() {
  if (room.isHost) status.tell("youAreHost");
  else status.tell("newHost", room.hostName ?? say("guest"));
}

// What the reader does

async function upload(file) {
  if (!room?.ticket) return null;
  status.keep("uploading", 0);
  const progress = (percent) => status.keep("uploading", percent);
  const { item, problem } = await uploadFile(file, { ticket: room.ticket, maxBytes: library.maxUploadBytes, progress });
  status.clear();
  return problem ?? steering.addTrack(trackFromItem(item));
}

function rename(name) {
  entry.name = name;
  remember("name", name);
  introduce();
  render();
}

// Showing it

function render() {
  status.render();
  entry.render(entrance.isBusy);
  byId("entry").hidden = room !== null || former !== null;
  byId("room").hidden = room === null;
  byId("leave").hidden = room === null;
  panels.render();
  renderMediaSession(room, {
    control: { play: () => steering.playOrPause(), pause: () => steering.playOrPause() },
    choose: { nexttrack: () => steering.next() },
  });
  document.title = pageTitle();
  steering.watchForHopeless();
  if (!room) return;

  const page = { room, player, clock, isOpen: connection.isOpen, name: entry.name, library };
  stage.render(page);
  company.render(page);
  queueView.render(page);
  suggestionsView.render(page);
  addView.render(page);
  membersView.render(page);
  shareView.render(page);
  renderLyrics();
  panels.note("queue-panel", room.queue.length > 0 ? String(room.queue.length) : "");
  panels.note("people-panel", String(room.nMembers));
  renderTime();
}

function renderLyrics() {
  const id = room.track?.hasLyrics === true ? ownFileId(room.track.url) : null;
  lyricsView.follow(id !== null && room.ticket !== null ? `media/lyrics/${id}` : null, room.ticket);
  lyricsView.render(room.may("control") && connection.isOpen);
  panels.offer("lyrics-panel", lyricsView.hasLines);
}

function renderTime() {
  if (!room) return;
  stage.renderTime({ room, player, clock, isOpen: connection.isOpen });
  lyricsView.renderTime(player.targetPosition);
  company.follow(room.track, player.targetPosition);
}

function pageTitle() {
  if (!room) return "Roomhub music";
  const track = room.track && titleOf(room.track);
  return track ? `${track} · ${room.id}` : `${room.id} · Roomhub music`;
}
