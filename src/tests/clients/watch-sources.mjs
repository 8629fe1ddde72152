// The watch page in Chromium with what members bring: a stream of HTTP Live Streaming, a live one, a film of which each
// member has a copy, and subtitles out of a file.
//
//   node watch-sources.mjs http://127.0.0.1:3001/ KEY FOLDER
//
// The folder has film.webm, other.webm, film.srt, and film.m3u8 with its segments.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";

import { chromium } from "./chromium.mjs";

const PATIENCE_MS = 60_000;
const [address, key, folder] = process.argv.slice(2);
const url = new URL(address);
const files = await serve(folder);
const streams = `http://127.0.0.1:${files.address().port}`;
const browser = await chromium();
let nFailures = 0;

try {
  const ann = await openWindow();
  await ann.type("#name", "Ann");
  await ann.click("#create");
  await ann.waitForFunction(() => window.roomhub.role === "owner");
  const roomId = await ann.evaluate(() => window.roomhub.roomId);
  const ben = await openWindow(roomId);
  await ben.type("#name", "Ben");
  await ben.click("#join");
  await ben.waitForFunction(() => window.roomhub.role === "member");

  await put(ann, `${streams}/film.m3u8`);
  await ann.waitForFunction(() => window.roomhub.film?.type === "play");
  await press(ann, "#cover .primary");
  for (const page of [ann, ben]) await page.waitForFunction(() => window.roomhub.isPlaying && window.roomhub.position() > 1);
  check("a stream that ends plays as a film", true);
  await ann.$eval("#seek", (bar) => {
    bar.value = "12";
    bar.dispatchEvent(new Event("change"));
  });
  await ben.waitForFunction(() => window.roomhub.position() > 12 && Math.abs(window.roomhub.errorMs) < 50);
  check("and is sought in", true);

  await ann.click("#subtitles-open");
  await (await ann.$("#subtitle-file")).uploadFile(join(folder, "film.srt"));
  await ann.waitForFunction(() => document.querySelector("#subtitle").textContent === "They’re coming to get you, <Barbara>.");
  check("subtitles out of a file are shown as text", await ben.$eval("#subtitle", (line) => line.hidden));

  await put(ann, `${streams}/live.m3u8`);
  await ben.waitForFunction(() => window.roomhub.film?.type === "live" && window.roomhub.position() > 0.2);
  check("a stream without an end is a live channel", await ben.$eval("#seek", (bar) => bar.disabled));

  await (await ann.$("#own-copy-file")).uploadFile(join(folder, "film.webm"));
  await ben.waitForSelector("#cover input[type=file]");
  check("the film is not sent to anybody", (await ben.evaluate(() => window.roomhub.film.url)) === "");
  await (await ben.$("#cover input[type=file]")).uploadFile(join(folder, "other.webm"));
  await ben.waitForFunction(() => document.querySelector("#status").textContent.includes("another one"));
  check("another copy is told apart, and plays", (await words(ben, "#status")).includes("length"));
  await press(ann, "#cover .primary");
  for (const page of [ann, ben]) await page.waitForFunction(() => window.roomhub.isPlaying && window.roomhub.position() > 0.5);
  await ben.reload();
  await ben.waitForSelector("#cover input[type=file]");
  await (await ben.$("#cover input[type=file]")).uploadFile(join(folder, "film.webm"));
  await ben.waitForFunction(() => document.querySelector("#status").textContent.includes("same film"));
  await ben.waitForFunction(() => window.roomhub.position() > 0.5 && Math.abs(window.roomhub.errorMs) < 50);
  check("the same copy is known as such, and plays in sync", true);
} finally {
  await browser.close();
  files.close();
  files.closeAllConnections();
}
process.exitCode = nFailures === 0 ? 0 : 1;

async function openWindow(roomId = null) {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.setViewport({ width: 1280, height: 800 });
  page.on("pageerror", (error) => check(`no error on the page: ${error.message}`, false));
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text(), message.location().url ?? ""));
  await page.goto(`${url}${roomId ? `?room=${roomId}` : ""}#key=${encodeURIComponent(key)}`);
  await page.waitForSelector("#entry-form:not([hidden])");
  return page;
}

async function put(page, typed) {
  await page.$eval("#film-url", (field) => (field.value = ""));
  await page.type("#film-url", typed);
  await page.click("#put-link");
}

async function press(page, selector) {
  await page.waitForSelector(selector);
  await page.$eval(selector, (button) => button.click());
}

function words(page, selector) {
  return page.$eval(selector, (element) => element.textContent);
}

/** Serves the folder to any page; `live.m3u8` is the stream of `film.m3u8` without its end. */
async function serve(path) {
  const server = createServer(async (request, response) => {
    const name = basename(new URL(request.url, streams).pathname);
    const file = await readFile(join(path, name === "live.m3u8" ? "film.m3u8" : name)).catch(() => null);
    response.writeHead(file ? 200 : 404, { "Access-Control-Allow-Origin": "*" });
    response.end(name === "live.m3u8" ? String(file).replace("#EXT-X-ENDLIST", "").replace("#EXT-X-PLAYLIST-TYPE:VOD", "") : file);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
