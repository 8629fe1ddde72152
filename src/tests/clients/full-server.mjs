// A client that comes while the server is full, and gets in by itself once there is a place.
//
//   node full-server.mjs http://127.0.0.1:3000/ polling,websocket     # a server that takes few connections, and is empty
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";

import { io } from "socket.io-client-4.8.1";

const url = process.argv[2];
const transports = process.argv[3].split(",");
const { hostname, port } = new URL(url);

// Takes places, until there are none.
async function takeAll() {
  const taken = [];
  for (;;) {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => {});
    socket.write(`GET /livez HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    const head = await Promise.race([once(socket, "data"), once(socket, "close")]);
    if (!String(head[0]).startsWith("HTTP/1.1 200")) return taken;
    taken.push(socket);
  }
}

const taken = await takeAll();
const client = io(url, { transports, reconnectionDelay: 50, reconnectionDelayMax: 100 });
let isIn = false;
client.on("connect", () => { isIn = true; });
const refused = new Promise((resolve) => {
  let refusals = 0;
  client.io.on("reconnect_error", () => { if ((refusals += 1) === 3) resolve(); });
});
await refused;
assert.ok(!isIn, "the server is full");
const pong = new Promise((resolve) => client.on("time_pong", resolve));
client.on("connect", () => client.emit("time_ping", { clientTime: 7 }));
taken.forEach((socket) => socket.destroy());
await pong;
console.log(`ok  ${transports}: in once there was a place`);
process.exit(0);
