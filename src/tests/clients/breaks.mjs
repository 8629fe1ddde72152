// All connections of a listening room break at once, as at a restart of a proxy; and clients that say goodbye.
//
//   node breaks.mjs http://127.0.0.1:3000/
import assert from "node:assert/strict";

import { io as io441 } from "socket.io-client-4.4.1";
import { io as io481 } from "socket.io-client-4.8.1";

import { delayProxy } from "./delay-proxy.mjs";

const PATIENCE_MS = 15_000;
const N_GUESTS = 4;
const GUEST_DELAY_MS = 100;
const HOST_DELAY_MS = 1_500;
const track = { name: "Lied", id: 1 };
const url = new URL(process.argv[2]);

const CASES = [
  { name: "4.4.1, default transports", io: io441, options: {}, breaks: true },
  { name: "4.8.1, websocket", io: io481, options: { transports: ["websocket"] }, breaks: true },
  // A session that polls does not end with a connection that carries no request of it.
  { name: "4.8.1, polling alone", io: io481, options: { transports: ["polling"] }, breaks: false },
];

for (const [index, { name, io, options, breaks }] of CASES.entries()) {
  const roomId = `breaks-${index}`;
  const proxy = await delayProxy(url.port, 0, url.hostname);
  const connect = (delay, first, again, by = proxy.port) => member(io, options, by, delay, roomId, first, again);

  const host = connect(HOST_DELAY_MS, "create-room", "create-room");
  await until("the room", () => host.heard("room-created").length === 1);
  const guests = Array.from({ length: N_GUESTS }, () => connect(GUEST_DELAY_MS, "join-room", "join-room"));
  await until("everybody", () => guests.every((guest) => guest.heard("room-joined").length === 1));
  host.socket.emit("pause", { roomId, currentTime: 42.5 });
  await until("the pause", () => guests.every((guest) => guest.heard("pause").length === 1));

  if (breaks) await breakAll(proxy, roomId, host, guests);
  for (const one of [host, ...guests]) assert.deepEqual(one.heard("error"), []);

  // Whoever says goodbye is not waited for.
  for (const one of [host, ...guests]) one.socket.disconnect();
  const isThere = async () => (await fetch(new URL(`room/${roomId}`, url))).ok;
  await until("the last goodbye", async () => !(await isThere()));
  const late = connect(GUEST_DELAY_MS, "join-room", "join-room", url.port);
  await until("the end of the room", () => late.heard("error").length === 1);
  assert.equal(late.heard("error")[0].code, "room_not_found");
  late.socket.disconnect();
  proxy.close();
  console.log(`ok   ${name}`);
}

/** Cuts all connections at once: the guests are back long before their host. */
async function breakAll(proxy, roomId, host, guests) {
  const isUpgraded = ({ socket }) => socket.io.engine.transport.name === "websocket";
  await until("the upgrades", () => [host, ...guests].every(isUpgraded));
  proxy.cut();
  await until("everybody again", () => guests.every((guest) => guest.heard("room-joined").length === 2));
  assert.equal(host.heard("room-created").length, 1);
  for (const guest of guests) {
    const { currentTrack, currentTime, isPlaying } = guest.heard("room-joined")[1];
    assert.deepEqual([currentTrack, currentTime, isPlaying], [track, 42.5, false]);
  }
  await until("the host", () => host.heard("room-created").length === 2);
  host.socket.emit("play", { roomId, currentTime: 50 });
  await until("the host's control", () => guests.every((guest) => guest.heard("play").length === 1));
}

/** A member that sends `first` when it is connected, and `again` whenever it is connected again. */
function member(io, options, port, delay, roomId, first, again) {
  const events = [];
  const socket = io(`http://${url.hostname}:${port}`, {
    forceNew: true, reconnectionDelay: delay, reconnectionDelayMax: delay, randomizationFactor: 0, ...options,
  });
  let event = first;
  socket.on("connect", () => {
    socket.emit(event, { roomId, track, currentTime: 0 });
    event = again;
  });
  socket.onAny((name, data) => events.push([name, data]));
  return { socket, heard: (name) => events.filter(([heard]) => heard === name).map(([, data]) => data) };
}

async function until(what, holds) {
  const giveUp = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < giveUp, `${what} never came about`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
