// The MoonTVPlus client's library, as that client uses it, over each transport, against a running server.
//
//   node moontv.mjs http://127.0.0.1:3001/ KEY
import assert from "node:assert/strict";

import { io } from "socket.io-client-4.8.1";

import { heardBy } from "./heard.mjs";

const PATIENCE_MS = 60_000;
const [url, key] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const path = `${pathname}socket.io/`;

for (const transports of [["websocket", "polling"], ["polling"], ["polling", "websocket"]]) {
  const owner = member(transports);
  const guest = member(transports);
  await owner.connected;
  await guest.connected;

  const made = await owner.ask("room:create", {
    name: "Films", description: "every day", password: "pw", isPublic: true, userName: "Ann",
  });
  assert.equal(made.success, true);
  const { id: roomId, ownerToken } = made.room;
  assert.match(roomId, /^[0-9A-Z]{6}$/);
  assert.equal(made.room.ownerId, owner.socket.id);
  assert.ok(ownerToken.length >= 32);

  // An empty list is an answer too.
  assert.deepEqual(await guest.ask("chat:history"), []);
  const rooms = await listed(guest, roomId);
  assert.equal(rooms.find((room) => room.id === roomId).password, "***");
  assert.equal(JSON.stringify(rooms).includes(ownerToken), false);

  assert.deepEqual(await guest.ask("room:join", { roomId, password: "no", userName: "Bob" }), {
    success: false, error: "密码错误",
  });
  const joined = await guest.ask("room:join", { roomId, password: "pw", userName: "Bob" });
  assert.deepEqual(joined.members.map((one) => [one.id, one.name, one.isOwner]), [
    [owner.socket.id, "Ann", true], [guest.socket.id, "Bob", false],
  ]);
  assert.equal((await owner.next("room:member-joined")).id, guest.socket.id);

  const state = { type: "play", url: "v", currentTime: 10, isPlaying: false, videoId: "1", videoName: "V", source: "s" };
  owner.socket.emit("play:update", state);
  assert.deepEqual(await guest.next("play:update"), state);
  guest.socket.emit("play:seek", 30.5);
  assert.equal(await owner.next("play:seek"), 30.5);
  guest.socket.emit("play:play");
  assert.equal(await owner.next("play:play"), undefined);
  owner.socket.emit("play:pause");
  assert.equal(await guest.next("play:pause"), undefined);
  // The guest pressed otherwise just before, so the owner is told of its own press too.
  assert.equal(await owner.next("play:pause"), undefined);
  // A title that was cut within an emoji.
  owner.socket.emit("play:change", { ...state, videoName: "film \ud83d" });
  assert.equal((await guest.next("play:change")).videoName, "film \ufffd");
  const told = await guest.ask("room:join", { roomId, password: "pw", userName: "Bob" });
  assert.deepEqual(told.room.currentState, { ...state, videoName: "film \ufffd" });
  await guest.next("play:update");
  guest.socket.emit("play:seek", Buffer.from("7"));
  owner.socket.emit("live:change", { type: "live", channelId: "c", channelName: "C", channelUrl: "u" });
  assert.equal((await guest.next("live:change")).channelId, "c");

  owner.socket.emit("screen:start", { type: "screen", status: "sharing", ownerName: "Ann" });
  await owner.next("screen:start");
  await guest.next("screen:start");
  guest.socket.emit("screen:viewer-ready");
  assert.deepEqual(await owner.next("screen:viewer-ready"), { userId: guest.socket.id });
  owner.socket.emit("screen:offer", { targetUserId: guest.socket.id, offer: { type: "offer", sdp: "x" } });
  assert.deepEqual(await guest.next("screen:offer"), { userId: owner.socket.id, offer: { type: "offer", sdp: "x" } });
  guest.socket.emit("screen:answer", { targetUserId: owner.socket.id, answer: { type: "answer", sdp: "y" } });
  assert.deepEqual((await owner.next("screen:answer")).answer, { type: "answer", sdp: "y" });
  owner.socket.emit("screen:ice", { targetUserId: guest.socket.id, candidate: { candidate: "c" } });
  assert.deepEqual((await guest.next("screen:ice")).candidate, { candidate: "c" });
  owner.socket.emit("screen:stop");
  await owner.next("screen:stop");
  await guest.next("screen:stop");

  guest.socket.emit("voice:offer", { targetUserId: owner.socket.id, offer: { sdp: "o" } });
  assert.deepEqual(await owner.next("voice:offer"), { userId: guest.socket.id, offer: { sdp: "o" } });
  owner.socket.emit("voice:answer", { targetUserId: guest.socket.id, answer: { sdp: "a" } });
  assert.deepEqual(await guest.next("voice:answer"), { userId: owner.socket.id, answer: { sdp: "a" } });
  guest.socket.emit("voice:ice", { targetUserId: owner.socket.id, candidate: { candidate: "c" } });
  assert.deepEqual(await owner.next("voice:ice"), { userId: guest.socket.id, candidate: { candidate: "c" } });
  guest.socket.emit("voice:audio-chunk", { roomId, audioData: [1, -2, 3] });
  assert.deepEqual(await owner.next("voice:audio-chunk"), {
    userId: guest.socket.id, audioData: [1, -2, 3], sampleRate: 16000,
  });

  guest.socket.emit("chat:message", { content: "hello 你好", type: "text" });
  for (const one of [owner, guest]) {
    const message = await one.next("chat:message");
    assert.match(message.id, /^\d{13}-[0-9a-z]{7}$/);
    assert.deepEqual([message.userName, message.content], ["Bob", "hello 你好"]);
  }
  assert.equal((await guest.ask("chat:history")).length, 1);
  assert.deepEqual(await owner.ask("state:clear"), { success: true });
  await guest.next("state:cleared");
  guest.socket.emit("heartbeat");
  assert.ok((await guest.next("heartbeat:pong")).timestamp > 1_700_000_000_000);

  const helper = member(transports);
  await helper.connected;
  assert.deepEqual(await helper.ask("screen:helper-register", { roomId, ownerToken }), { success: true });
  helper.socket.disconnect();

  // The owner's page is reloaded.
  const gone = owner.socket.id;
  owner.socket.disconnect();
  assert.equal(await guest.next("room:member-left"), gone);
  const again = member(transports);
  await again.connected;
  const back = await again.ask("room:join", { roomId, userName: "Ann", ownerToken });
  assert.equal(back.room.ownerId, again.socket.id);
  assert.equal((await guest.next("room:member-joined")).isOwner, true);
  assert.deepEqual(await again.ask("room:transfer", { targetUserId: guest.socket.id }), { success: true });
  assert.equal((await again.next("room:owner-changed")).ownerToken, undefined);
  assert.ok((await guest.next("room:owner-changed")).ownerToken);
  guest.socket.emit("room:leave");
  assert.deepEqual(await again.next("room:deleted"), { reason: "owner_left" });

  const songs = await guest.ask("room:create", { name: "Songs", isPublic: false, userName: "Bob", roomType: "music" });
  assert.equal(songs.room.roomType, "music");
  assert.equal((await again.ask("room:join", { roomId: songs.room.id, userName: "Ann" })).success, true);
  await guest.next("room:member-joined");
  for (const event of ["change", "update", "queue", "play", "pause", "seek"]) {
    const song = { type: "music", song: { id: 1 }, currentTime: 2, isPlaying: true, playMode: "loop" };
    guest.socket.emit(`music:${event}`, song);
    assert.deepEqual(await again.next(`music:${event}`), song);
  }

  again.socket.disconnect();
  guest.socket.disconnect();
  console.log(`ok   ${transports.join(", ")}`);
}

// A wrong key is told first and let go then, which stops the client's attempts.
const stranger = io(origin, { path, forceNew: true, auth: { token: "wrong" }, reconnectionAttempts: 5 });
const told = [];
stranger.on("error", (words) => told.push(words));
told.push(await new Promise((resolve) => stranger.on("disconnect", resolve)));
assert.deepEqual(told, ["Unauthorized", "io server disconnect"]);
assert.equal(stranger.active, false);
console.log("ok   a stranger stops trying");

/** The list is written once a second: asks until the room is in it. */
async function listed(asker, roomId) {
  const giveUp = Date.now() + PATIENCE_MS;
  for (;;) {
    const rooms = await asker.ask("room:list");
    if (rooms.some((room) => room.id === roomId)) return rooms;
    assert.ok(Date.now() < giveUp, "the room is never listed");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A connected member, whose events are taken one by one and in order. */
function member(transports) {
  const socket = io(origin, { path, forceNew: true, transports, auth: { token: key }, reconnection: false });
  const next = heardBy(socket);
  const connected = new Promise((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
  });
  const ask = (event, ...args) => socket.timeout(PATIENCE_MS).emitWithAck(event, ...args);
  return { socket, next, ask, connected };
}
