// The signalling clients' library in both versions, over each transport, against a running server.
//
//   node signalling.mjs http://127.0.0.1:5000/
import assert from "node:assert/strict";

import { io as io441 } from "socket.io-client-4.4.1";
import { io as io481 } from "socket.io-client-4.8.1";

import { heardBy } from "./heard.mjs";

const url = process.argv[2];

for (const [version, io] of [["4.4.1", io441], ["4.8.1", io481]]) {
  for (const transports of [["polling", "websocket"], ["polling"], ["websocket"]]) {
    const roomId = `${version} ${transports}`;
    const ann = member(io, transports);
    const bob = member(io, transports);
    assert.equal((await ann.next("connected")).sid, ann.socket.id);
    await bob.next("connected");
    ann.socket.emit("join", { userId: "ann", roomId });
    assert.deepEqual((await ann.next("joined")).users, ["ann"]);
    bob.socket.emit("join", { userId: "bob", roomId });
    assert.deepEqual(await bob.next("joined"), { type: "joined", userId: "bob", roomId, users: ["ann", "bob"], iceServers: [] });
    assert.deepEqual(await ann.next("user-joined"), { type: "user-joined", userId: "bob", roomId });
    const offer = { roomId, type: "offer", sdp: "v=0 ä 你" };
    ann.socket.emit("message", offer);
    assert.deepEqual(await bob.next("message"), offer);
    bob.socket.emit("answer", { roomId, to: "ann", sdp: "x" });
    assert.equal((await ann.next("answer")).from, "bob");
    const answered = await new Promise((resolve) => ann.socket.emit("candidate", { roomId }, (...args) => resolve(args)));
    assert.deepEqual(answered, []);
    await bob.next("candidate");
    bob.socket.emit("leave", { userId: "bob", roomId });
    assert.deepEqual(await bob.next("leaved"), { type: "leaved", userId: "bob", roomId });
    await ann.next("user-left");
    bob.socket.emit("join", { userId: "bob", roomId });
    await bob.next("joined");
    await ann.next("user-joined");
    bob.socket.disconnect();
    assert.equal((await ann.next("user-left")).userId, "bob");
    ann.socket.disconnect();
    console.log(`ok   ${version} ${transports.join(", ")}`);
  }
}

/** A connected member, whose events are taken one by one and in order. */
function member(io, transports) {
  const socket = io(url, { forceNew: true, reconnection: false, transports });
  const next = heardBy(socket);
  return { socket, next };
}
