// The events of a Socket.IO socket, taken one by one and in order.
import assert from "node:assert/strict";

const PATIENCE_MS = 60_000;

/** Gives a function that waits for the next event, which must have that name, and resolves to its payload. */
export function heardBy(socket) {
  const heard = [];
  let waiting = null;
  socket.onAny((event, data) => {
    heard.push([event, data]);
    waiting?.();
  });
  return async function next(event) {
    const giveUp = Date.now() + PATIENCE_MS;
    while (heard.length === 0) {
      assert.ok(Date.now() < giveUp, `${event} never came`);
      await new Promise((resolve) => {
        waiting = resolve;
        setTimeout(resolve, PATIENCE_MS).unref();
      });
    }
    const [name, data] = heard.shift();
    assert.equal(name, event);
    return data;
  };
}
