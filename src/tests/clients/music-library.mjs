// The server's own music in Chromium: searched, queued, with cover and lyrics; a guest's own file; a station of
// `roomhub radio` as a live track; and a client that knows nothing of it in the same room.
//
//   node music-library.mjs http://127.0.0.1:3000/ FILE STREAM
//
// The server has a.mp3 ("Blue", with a.jpg and a.lrc) and b.mp3 ("Second"), and takes uploads of up to 1 MB. FILE is an
// MP3 that a guest brings, STREAM a station.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { io } from "socket.io-client-4.8.1";

import { chromium } from "./chromium.mjs";
import { pressOf, until } from "./party-pages.mjs";

/** What the deployed player knows. */
const KNOWN = ["connected", "room-joined", "room-users", "sync-state", "track-change", "play", "pause", "seek", "playlist-update"];

const [address, file, stream] = process.argv.slice(2);
const complaints = [];
const browser = await chromium();
try {
  const ann = await open(address, "Ann");
  await press(ann, "#create");
  await until(ann, () => window.roomhub.isHost);
  const link = await ann.$eval("#share-link", (field) => field.value);
  const ben = await open(link, "Ben");
  await press(ben, "#join");
  await until(ann, () => window.roomhub.members.length === 2);
  const old = await oldClient(await ann.evaluate(() => window.roomhub.roomId));

  await press(ann, "#open-library");
  await until(ann, () => document.querySelectorAll(".library-item").length === 2);
  await until(ann, () => document.querySelector(".library-item img")?.naturalWidth > 0);
  await ann.type(".library-search input", "blue");
  await until(ann, () => document.querySelectorAll(".library-item").length === 1);
  await press(ann, ".library-item button");
  await until(ann, () => window.roomhub.queue.length === 1);
  assert.ok(await ann.evaluate(() => document.querySelector("dialog.library").contains(document.querySelector("#status"))));
  await press(ann, "dialog.library menu > :last-child");
  await until(ann, () => document.querySelector("#status").parentElement === document.body);
  console.log("ok   a search finds what is added to the queue, and the dialog shows that it was");

  await press(ann, "#next");
  for (const page of [ann, ben]) {
    await until(page, () => window.roomhub.track.title === "Blue" && window.roomhub.position() > 0.3);
    await until(page, () => document.querySelector("#cover").naturalWidth === 64 && !document.querySelector("#cover").hidden);
  }
  await until(ben, () => document.querySelector("#lyrics [aria-current]")?.textContent === "Second line");
  console.log("ok   all hear it, see its cover, and its lyrics run");

  assert.ok(await ben.$eval("#upload", (label) => label.hidden));
  await ann.evaluate(() => document.querySelector("#people-panel-tab").click());
  await pressOf(ann, "Ben", "Make co-host");
  await until(ben, () => !document.querySelector("#upload").hidden);
  const large = join(mkdtempSync(join(tmpdir(), "roomhub-upload-")), "large.mp3");
  writeFileSync(large, Buffer.alloc(1_000_001));
  await (await ben.$("#upload-file")).uploadFile(large);
  await until(ben, () => document.querySelector("#track-url-complaint").textContent.includes("1 MB"));
  await (await ben.$("#upload-file")).uploadFile(file);
  await until(ann, () => window.roomhub.queue.length === 1);
  await press(ben, "#next");
  await until(ann, () => window.roomhub.track.title === "guest" && window.roomhub.position() > 0.3);
  await until(ann, () => document.querySelector("#cover").hidden && document.querySelectorAll("#lyrics li").length === 0);
  console.log("ok   who may queue brings a file, and is told how large it may be");

  await add(ann, stream);
  await until(ann, () => window.roomhub.queue.length === 1);
  await press(ann, "#next");
  for (const page of [ann, ben]) {
    await until(page, (url) => window.roomhub.track.url === url && document.querySelector("#audio").currentTime > 1, stream);
    assert.ok(await page.$eval("#seek", (bar) => bar.disabled));
  }
  console.log("ok   a station plays as a live track");
  await add(ann, new URL("index.m3u8", stream).href);
  await until(ann, () => window.roomhub.queue.length === 1);
  await press(ann, "#next");
  await until(ben, () => window.roomhub.track.url.endsWith(".m3u8") && document.querySelector("#audio").currentTime > 0.5);
  console.log("ok   and as a stream of HLS");

  assert.deepEqual([...old.heard].filter((name) => !KNOWN.includes(name)), []);
  assert.ok(old.heard.has("track-change"));
  old.socket.close();
  console.log("ok   a client of before hears what it knows, and nothing else");
  assert.deepEqual(complaints, []);
  console.log("ok   nothing is asked for in vain");
} catch (error) {
  for (const page of await browser.pages()) console.error(await page.evaluate(() => document.querySelector("#track-url-complaint")?.textContent));
  throw error;
} finally {
  await browser.close();
}

async function open(address, name) {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.message}`));
  page.on("response", (response) => response.status() >= 400 && complaints.push(`${name}: ${response.status()} ${response.url()}`));
  await page.goto(address);
  await until(page, () => document.querySelector("#name")?.offsetParent);
  await page.type("#name", name);
  return page;
}

/** The deployed player's library, in the room of the pages. */
function oldClient(roomId) {
  const socket = io(new URL("/", address).href, { forceNew: true });
  const heard = new Set();
  socket.onAny((event) => heard.add(event));
  return new Promise((resolve) => {
    socket.on("connect", () => socket.emit("join-room", { roomId }));
    socket.on("room-joined", () => resolve({ socket, heard }));
  });
}

async function add(page, typed) {
  await page.$eval("#track-url", (field, typed) => (field.value = typed), typed);
  await press(page, "#add-track");
}

async function press(page, selector) {
  await until(page, (selector) => {
    const found = document.querySelector(selector);
    return found && !found.disabled;
  }, selector);
  await page.$eval(selector, (button) => button.click());
}
