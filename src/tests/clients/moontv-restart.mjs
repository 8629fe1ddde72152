// A client that keeps its room as MoonTVPlus does, through a restart of its server: it beats every five seconds,
// joins its stored room again 300 ms after each connect, and gives up after five attempts.
//
//   node moontv-restart.mjs UNUSED /path/to/roomhub
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { io } from "socket.io-client-4.8.1";

const KEY = "open sesame";
const REJOIN_AFTER_MS = 300;
const HEARTBEAT_MS = 5_000;
const program = process.argv[3];
const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), "moontv-"));

let server = await start();
const socket = io(`http://127.0.0.1:${port}`, {
  transports: ["websocket", "polling"], auth: { token: KEY }, reconnectionAttempts: 5, reconnectionDelay: 200,
});
const heartbeat = setInterval(() => socket.emit("heartbeat"), HEARTBEAT_MS);
await new Promise((resolve) => socket.once("connect", resolve));
const made = await socket.emitWithAck("room:create", {
  name: "Films", description: "", isPublic: true, userName: "Ann",
});
const stored = { roomId: made.room.id, userName: "Ann", ownerToken: made.room.ownerToken };

// A cut connection: the room is there, and the owner finds itself in it.
const rejoined = nextRejoin();
socket.io.engine.close();
assert.equal((await rejoined).room.ownerId, socket.id);
console.log("ok   a cut connection");

// A restart: the server tells its clients to come back, and they do.
const afterRestart = nextRejoin();
const reason = new Promise((resolve) => socket.once("disconnect", resolve));
server.kill("SIGTERM");
assert.equal(await reason, "transport close");
await new Promise((resolve) => server.once("exit", resolve));
server = await start();
const answer = await afterRestart;
assert.equal(answer.room.ownerId, socket.id);
assert.equal(answer.room.name, "Films");
console.log("ok   a restart");

clearInterval(heartbeat);
socket.disconnect();
server.once("exit", () => rmSync(folder, { recursive: true }));
server.kill("SIGTERM");

function nextRejoin() {
  return new Promise((resolve) => {
    socket.once("connect", () => {
      setTimeout(async () => resolve(await socket.emitWithAck("room:join", stored)), REJOIN_AFTER_MS);
    });
  });
}

async function start() {
  const child = spawn(program, ["watch", "--host", "127.0.0.1", "--port", String(port)], {
    env: { AUTH_KEY: KEY, ROOMHUB_ROOMS__DATA_DIR: folder }, stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error("the server ended")));
  });
  child.removeAllListeners("exit");
  return child;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
