// The page of `watch` and a client like MoonTVPlus in one room: first the page is owner, then the other.
//
//   node page-and-moontv.mjs http://127.0.0.1:3001/ KEY FILM.webm
import assert from "node:assert/strict";
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";

import { io } from "socket.io-client-4.8.1";

import { chromium } from "./chromium.mjs";
import { dump, hears, join, openPage, openRoom, press, say, until } from "./party-pages.mjs";

/** What its hooks listen for. */
const KNOWN = [
  "room:member-joined", "room:member-left", "room:deleted", "play:update", "play:change", "play:seek", "play:play", "play:pause",
  "live:change", "state:cleared", "chat:message", "voice:offer", "voice:answer", "voice:ice", "voice:audio-chunk", "heartbeat:pong",
];
const PATIENCE_MS = 60_000;

const [url, key, film] = process.argv.slice(2);
const files = await serve(film);
const link = `http://127.0.0.1:${files.address().port}/Night_film.webm`;
const browser = await chromium();
const pages = {};
const moon = await moontv();
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  const room = await openRoom(ann, "Mixed");
  const joined = await moon.ask("room:join", { roomId: room, userName: "Moon" });
  assert.equal(joined.success, true);
  assert.deepEqual(joined.members.map(({ name, isOwner }) => [name, isOwner]), [["Ann", true], ["Moon", false]]);
  await until(ann, () => document.querySelectorAll(".party-member").length === 2);

  await ann.$eval("#film-url", (field, link) => (field.value = link), link);
  await press(ann, "#put-link");
  const put = await moon.hears("play:change", () => true);
  assert.deepEqual([put.type, put.url, put.videoName], ["play", link, "Night film"]);
  await until(ann, () => !document.querySelector("#play").disabled);
  if (await ann.evaluate(() => !window.roomhub.isPlaying)) await press(ann, "#play");
  await until(ann, () => document.querySelector("#video").currentTime > 1);
  await moon.hears("play:play", () => true);
  console.log("ok   a page's film reaches a client of before in its own shapes");

  moon.socket.emit("play:pause");
  await until(ann, () => document.querySelector("#video").paused);
  moon.socket.emit("play:seek", 30);
  await until(ann, () => Math.abs(document.querySelector("#video").currentTime - 30) < 1);
  moon.socket.emit("play:play");
  await until(ann, () => !document.querySelector("#video").paused && document.querySelector("#video").currentTime > 30);
  moon.socket.emit("chat:message", { content: "from the couch", type: "text" });
  await hears(ann, "from the couch");
  await say(ann, "from the page");
  await moon.hears("chat:message", ({ content }) => content === "from the page");
  console.log("ok   what it presses and says reaches the page, and the other way round");

  moon.socket.emit("room:leave");
  await until(ann, () => document.querySelectorAll(".party-member").length === 1);
  const made = await moon.ask("room:create", { name: "Its own", description: "", isPublic: true, userName: "Moon" });
  const ben = (pages.ben = await openPage(
    await browser.createBrowserContext(), `${url}?room=${made.room.id}#key=${encodeURIComponent(key)}`, "Ben",
  ));
  await join(ben);
  const state = { type: "play", url: link, currentTime: 12, isPlaying: true, videoId: "1", videoName: "Theirs", source: "s" };
  moon.socket.emit("play:change", state);
  await until(ben, () => window.roomhub.film?.videoName === "Theirs" && document.querySelector("#video").currentTime > 12);
  moon.socket.emit("play:update", { ...state, currentTime: 60 });
  await until(ben, () => document.querySelector("#video").currentTime > 60);
  moon.socket.emit("play:pause");
  await until(ben, () => document.querySelector("#video").paused);
  moon.socket.emit("room:leave");
  await until(ben, () => !document.querySelector("#entry").hidden);
  console.log("ok   a page follows a room of its");

  assert.deepEqual([...moon.names].filter((name) => !KNOWN.includes(name)), []);
  console.log("ok   it hears nothing that it does not know");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  moon.socket.close();
  await browser.close();
  files.close();
  files.closeAllConnections();
}

async function moontv() {
  const socket = io(new URL(url).origin, { auth: { token: key }, transports: ["websocket", "polling"] });
  const heard = [];
  const names = new Set();
  let wake = () => {};
  socket.onAny((event, data) => {
    names.add(event);
    heard.push([event, data]);
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
  });
  /** The first event of that name, of all that came, that is as wanted. */
  async function hears(event, isWanted) {
    const giveUp = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = heard.find(([name, data]) => name === event && isWanted(data));
      if (found) return found[1];
      assert.ok(Date.now() < giveUp, `${event} never came; ${JSON.stringify(heard)}`);
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000);
      });
    }
  }
  return { socket, names, hears, ask: (event, ...args) => socket.timeout(PATIENCE_MS).emitWithAck(event, ...args) };
}

async function serve(path) {
  const { size } = statSync(path);
  const server = createServer((request, response) => {
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    const [start, end] = range ? [Number(range[1]), range[2] ? Number(range[2]) : size - 1] : [0, size - 1];
    const fields = { "Content-Type": "video/webm", "Accept-Ranges": "bytes", "Content-Length": end - start + 1 };
    response.writeHead(range ? 206 : 200, { ...fields, ...(range && { "Content-Range": `bytes ${start}-${end}/${size}` }) });
    createReadStream(path, { start, end }).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
