// A host and its guests, who come back by themselves whenever their connection ends, as the deployed player does. The
// host moves the track on, ever further; whoever hears of it must hear of positions in that order.
//
//   node rolling.mjs http://127.0.0.1:3000/     # each line on standard input asks whether everybody hears the host
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { io } from "socket.io-client-4.8.1";

const GUESTS = 6;
const ROOM = "rolling";
const EVERY_MS = 20;
const url = process.argv[2];

let position = 0;
let seats = 0;
const host = connect(() => host.emit("create-room", { roomId: ROOM, track: { id: 1 }, currentTime: position }));
host.on("room-created", () => { seats += 1; });
await until(() => seats > 0);

const guests = Array.from({ length: GUESTS }, () => {
  const guest = { heard: -1, joined: 0, errors: 0 };
  guest.socket = connect(() => guest.socket.emit("join-room", { roomId: ROOM }));
  guest.socket.on("room-joined", () => { guest.joined += 1; });
  // While a restart is on, nobody may be told that the room is gone.
  guest.socket.on("error", (error) => { guest.errors += 1; console.error(error); });
  guest.socket.on("seek", ({ currentTime }) => {
    assert.ok(currentTime > guest.heard, `${currentTime} after ${guest.heard}`);
    guest.heard = currentTime;
  });
  return guest;
});
await until(() => guests.every((guest) => guest.joined > 0));
const moving = setInterval(() => {
  position += 1;
  if (host.connected) host.emit("seek", { roomId: ROOM, currentTime: position });
}, EVERY_MS);
console.log("everybody is there");

for await (const _ of createInterface({ input: process.stdin })) {
  const from = position;
  await until(() => guests.every((guest) => guest.socket.connected && guest.heard > from));
  console.log("everybody hears the host");
}
clearInterval(moving);
assert.ok(guests.every((guest) => guest.errors === 0), "a guest was told of an error");
for (const { socket } of [{ socket: host }, ...guests]) socket.disconnect();

function connect(onConnect) {
  const socket = io(url, { transports: ["websocket", "polling"], reconnectionDelay: 200, reconnectionDelayMax: 1_000, forceNew: true });
  socket.on("connect", onConnect);
  return socket;
}

async function until(holds) {
  for (let waited = 0; !holds(); waited += 10) {
    assert.ok(waited < 20_000, `never came about: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
