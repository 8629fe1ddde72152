// The deployed player's library, in each version and over each transport, against a running server.
//
//   node player.mjs http://127.0.0.1:3000/
import assert from "node:assert/strict";

import { io as io441 } from "socket.io-client-4.4.1";
import { io as io481 } from "socket.io-client-4.8.1";

import { heardBy } from "./heard.mjs";

const PATIENCE_MS = 60_000;
const { origin, pathname } = new URL(process.argv[2]);
const path = `${pathname}socket.io/`;

const CASES = [
  { name: "4.4.1, default transports", io: io441, options: {}, upgrades: true },
  { name: "4.4.1, polling alone", io: io441, options: { transports: ["polling"] }, upgrades: false },
  { name: "4.8.1, default transports", io: io481, options: {}, upgrades: true },
  { name: "4.8.1, websocket first", io: io481, options: { transports: ["websocket", "polling"] }, upgrades: false },
  { name: "4.8.1, polling alone", io: io481, options: { transports: ["polling"] }, upgrades: false },
];

for (const [index, { name, io, options, upgrades }] of CASES.entries()) {
  const roomId = `player-${index}`;
  const host = member(io, options);
  const guest = member(io, options);
  assert.equal((await host.next("connected")).message, "连接成功");
  await guest.next("connected");
  if (upgrades) await Promise.all([host.upgraded, guest.upgraded]);

  // On page load the deployed player joins nothing; it leaves on any error.
  guest.socket.emit("join-room", { roomId: null });

  host.socket.emit("create-room", { roomId, track: { name: "Lied", id: 1 }, currentTime: 3 });
  assert.deepEqual(await host.next("room-created"), { roomId, userCount: 1 });
  assert.deepEqual(await host.next("room-users"), { count: 1 });

  guest.socket.emit("join-room", { roomId });
  const joined = await guest.next("room-joined");
  assert.deepEqual(joined.currentTrack, { name: "Lied", id: 1 });
  assert.equal(joined.isPlaying, true);
  assert.ok(joined.currentTime >= 3 && joined.currentTime < 3 + PATIENCE_MS / 1000);
  await guest.next("room-users");
  await guest.next("sync-state");
  assert.deepEqual(await host.next("room-users"), { count: 2 });

  host.socket.emit("track-change", { roomId, track: { name: "Näçhstes 歌", id: 2 } });
  assert.deepEqual(await guest.next("track-change"), { track: { name: "Näçhstes 歌", id: 2 }, currentTime: 0 });
  host.socket.emit("pause", { roomId, currentTime: 7.5 });
  assert.deepEqual(await guest.next("pause"), { currentTime: 7.5 });

  // What is binary is ignored, whatever it holds, and answered; the session goes on.
  for (const bytes of ["", "x", '42["pause"]', "1"]) {
    host.socket.emit("pause", { roomId, currentTime: Buffer.from(bytes) });
    await new Promise((resolve) => host.socket.emit("pause", Buffer.from(bytes), Buffer.from([255]), resolve));
  }

  const answer = await new Promise((resolve) => guest.socket.emit("play", { roomId }, (...args) => resolve(args)));
  assert.deepEqual(answer, []);

  for (let n = 0; n < 300; n += 1) host.socket.emit("seek", { roomId, currentTime: n });
  for (let n = 0; n < 300; n += 1) assert.equal((await guest.next("seek")).currentTime, n);

  host.socket.disconnect();
  assert.deepEqual(await guest.next("become-host"), { roomId });
  guest.socket.emit("leave-room", { roomId });
  assert.deepEqual(await guest.next("room-left"), { roomId });
  guest.socket.disconnect();
  assert.equal(guest.errors.length + host.errors.length, 0);
  console.log(`ok   ${name}`);
}

/** A connected member, whose events are taken one by one and in order. */
function member(io, options) {
  const socket = io(origin, { path, forceNew: true, reconnection: false, ...options });
  const next = heardBy(socket);
  const errors = [];
  socket.on("error", (data) => errors.push(data));
  const upgraded = new Promise((resolve) => {
    socket.io.on("open", () => socket.io.engine.once("upgrade", resolve));
  });
  return { socket, next, upgraded, errors };
}
