// The watch page in Chromium: an owner, a guest who came by an invitation, far away and with a wrong clock, and a member
// whose line is too slow for the film.
//
//   node watch-party.mjs http://127.0.0.1:3001/ KEY FILM.webm [FOLDER FOR SCREENSHOTS]
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";

import { chromium } from "./chromium.mjs";
import { delayProxy } from "./delay-proxy.mjs";

const PATIENCE_MS = 60_000;
const LIMIT_MS = 50;
const DELAY_MS = 100;
const SHIFT_MS = 5000;
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 200;
const WAIT_LIMIT_MS = 5000;
/** So much of the film a slow member is given. */
const SLOW_BYTES = 300_000;

const [address, key, film, folder] = process.argv.slice(2);
const url = new URL(address);
const files = await serveFilm(film);
const link = `http://127.0.0.1:${files.address().port}/Night_film.webm`;
const proxy = await delayProxy(Number(url.port), DELAY_MS, url.hostname);
const browser = await chromium();
let nFailures = 0;

try {
  const ann = await openWindow(`${url}#key=${encodeURIComponent(key)}`, 0);
  await ann.waitForSelector("#entry-form:not([hidden])");
  check("the key is taken out of the address", (await ann.evaluate(() => location.hash)) === "");
  await ann.type("#name", "Ann");
  await press(ann, "#create");
  await ann.waitForFunction(() => window.roomhub.role === "owner");
  const roomId = await ann.evaluate(() => window.roomhub.roomId);

  for (const [typed, words] of [
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "a page"],
    ["http://127.0.0.1:9999/gone.mp4", "could not be opened"],
    ["http://127.0.0.1:9999/gone.m3u8", "stream could not be loaded"],
  ]) {
    await put(ann, typed);
    await ann.waitForFunction((part) => document.querySelector("#film-url-complaint").textContent.includes(part), {}, words);
    check(`${typed} is refused with a reason`, (await ann.evaluate(() => window.roomhub.film)) === null);
  }
  await put(ann, link);
  await ann.waitForFunction(() => window.roomhub.film?.videoName === "Night film");

  // The invitation leads in through a slow line, without the key.
  await press(ann, "#panel-invite-tab");
  await press(ann, ".invitation-form .primary");
  await ann.waitForFunction(() => document.querySelector(".invitation-made .share-link").value.includes("#invitation="));
  const invitation = new URL(await ann.$eval(".invitation-made .share-link", (field) => field.value));
  invitation.host = `127.0.0.1:${proxy.port}`;
  const ben = await openWindow(invitation.href, SHIFT_MS);
  await ben.waitForSelector("#entry-form:not([hidden])");
  check("the invitation is taken out of the address", (await ben.evaluate(() => location.hash)) === "");
  check("who is invited makes no rooms", await ben.$eval("#entry-create", (part) => part.hidden));
  await ben.type("#name", "Ben");
  await press(ben, "#join");
  await ben.waitForFunction((id) => window.roomhub.roomId === id && window.roomhub.role === "guest", {}, roomId);
  await ben.waitForFunction(() => window.roomhub.film?.videoName === "Night film");
  check("a guest comes in without the key", true);
  check("what plays is not for a guest to choose", await ben.$eval("#choose-parts", (part) => part.hidden));

  await press(ann, "#cover .primary");
  await ben.waitForFunction(() => window.roomhub.position() > 0.2);
  await compare("after the start", ann, ben);
  await ben.waitForFunction((offset) => Math.abs(window.roomhub.offsetMs - offset) < 25, {}, -SHIFT_MS);
  check("the clock's error is measured", true);

  await ann.select("#speed", "1.5");
  await ben.waitForFunction(() => window.roomhub.speed === 1.5);
  await compare("at one and a half times the speed", ann, ben);
  await ann.select("#speed", "1");
  await ben.waitForFunction(() => window.roomhub.speed === 1);

  await ann.$eval("#seek", (bar) => {
    bar.value = "20";
    bar.dispatchEvent(new Event("input"));
    bar.dispatchEvent(new Event("change"));
  });
  await ben.waitForFunction(() => window.roomhub.targetPosition() > 19.5);
  await compare("after a seek", ann, ben);

  await ben.keyboard.press("k");
  for (const page of [ann, ben]) await page.waitForFunction(() => !window.roomhub.isPlaying);
  const paused = await ann.waitForFunction(() => window.roomhub.position()).then((handle) => handle.jsonValue());
  await ben.waitForFunction((there) => Math.abs(window.roomhub.position() - there) < 0.05, {}, paused);
  check("a guest pauses by a key, and all stand at the same picture", true);
  await ben.keyboard.press("k");
  await ann.waitForFunction(() => window.roomhub.isPlaying);
  await compare("after a pause", ann, ben);

  proxy.cut();
  await ben.waitForFunction(() => document.querySelector("#status").textContent.includes("again"));
  await compare("after a cut connection", ann, ben);
  await ben.reload();
  await ben.waitForFunction((id) => window.roomhub?.roomId === id && window.roomhub.role === "guest", {}, roomId);
  await ben.waitForFunction(() => window.roomhub.position() > 1);
  await compare("after a reload of the guest", ann, ben);
  await ann.reload();
  await ann.waitForFunction(() => window.roomhub?.role === "owner");
  check("a reload leaves the owner its room", true);

  await press(ann, "#panel-room-tab");
  await ann.evaluate(() => document.querySelector(".room-settings select").scrollIntoView());
  await ann.$eval(".room-settings select", (choice) => {
    choice.value = "lecture";
    choice.dispatchEvent(new Event("change"));
  });
  await ben.waitForFunction(() => document.querySelector("#play").disabled);
  check("controls without the right are disabled, with a word", (await words(ben, "#controls-explanation")).includes("Ann"));

  await waitsForTheSlow(ann, roomId);
  if (folder) await ann.screenshot({ path: `${folder}/watch-after.png` });

  await press(ann, "#leave");
  await ben.waitForFunction(() => window.roomhub.roomId === null);
  check("the owner leaves, and the others are told", (await words(ben, "#status")).includes("closed"));
} finally {
  await browser.close();
  proxy.close();
  files.close();
  files.closeAllConnections();
}
process.exitCode = nFailures === 0 ? 0 : 1;

/** A member that gets no more than the start of the film is shown, waited for at most the limit, and left behind. */
async function waitsForTheSlow(ann, roomId) {
  await ann.evaluate(() => window.roomhub.isPlaying || document.querySelector("#play").click());
  await ann.$eval("#seek", (bar) => {
    bar.value = "0";
    bar.dispatchEvent(new Event("change"));
  });
  await ann.waitForFunction(() => window.roomhub.isPlaying && window.roomhub.targetPosition() < 5);
  const slow = await openWindow(`${url}?room=${roomId}#key=${encodeURIComponent(key)}`, 0, "Slow");
  await slow.waitForSelector("#entry-form:not([hidden])");
  await slow.type("#name", "Sue");
  await press(slow, "#join");
  await slow.waitForFunction(() => window.roomhub.film !== null);
  await ann.waitForFunction(() => document.querySelector("#waiting").textContent.includes("Sue"), { polling: 20 });
  const since = performance.now();
  check("who loads is waited for by name", !(await ann.evaluate(() => window.roomhub.isPlaying)));
  await ann.waitForFunction(() => window.roomhub.isPlaying, { polling: 20 });
  const waited = performance.now() - since;
  check(`the room waits at most the limit: ${Math.round(waited)} ms`, waited < WAIT_LIMIT_MS + 2000);
  files.release();
  await slow.waitForFunction(() => Math.abs(window.roomhub.position() - window.roomhub.targetPosition()) < 0.3);
  check("the late one catches up", true);
  await slow.close();
}

/** A window of its own, its clocks moved by `shiftMs`; `trueNow()` in it is the clock that all windows share. */
async function openWindow(there, shiftMs, agent = null) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.setViewport({ width: 1280, height: 800 });
  if (agent) await page.setUserAgent(agent);
  page.on("pageerror", (error) => check(`no error on the page: ${error.message}`, false));
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text(), message.location().url ?? ""));
  await page.evaluateOnNewDocument((shift) => {
    const origin = performance.timeOrigin;
    window.trueNow = () => origin + performance.now();
    const dateNow = Date.now;
    Date.now = () => dateNow() + shift;
    Object.defineProperty(Performance.prototype, "timeOrigin", { get: () => origin + shift });
  }, shiftMs);
  await page.goto(there);
  return page;
}

/** Measures how far apart the pictures are, in time of the film, until the last SAMPLES are all within the limit. */
async function compare(when, near, far) {
  const started = performance.now();
  const gaps = [];
  const worst = () => Math.max(...gaps.slice(-SAMPLES));
  const isDone = () => gaps.length >= SAMPLES && worst() <= LIMIT_MS;
  while (!isDone() && performance.now() - started < PATIENCE_MS) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
    const [a, b] = await Promise.all([near, far].map((page) => page.evaluate(startOfFilm)));
    gaps.push(Math.abs(a - b));
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  check(`${when}: worst ${worst().toFixed(1)} ms, after ${seconds} s`, isDone());
}

/** Where the film is (ms), less the true time that has passed at the room's speed. */
function startOfFilm() {
  return window.roomhub.position() * 1000 - window.trueNow() * window.roomhub.speed;
}

async function put(page, typed) {
  await page.$eval("#film-url", (field) => (field.value = ""));
  await page.type("#film-url", typed);
  await press(page, "#put-link");
}

async function press(page, selector) {
  await page.waitForSelector(selector);
  await page.$eval(selector, (button) => button.click());
}

function words(page, selector) {
  return page.$eval(selector, (element) => element.textContent);
}

/** Serves the film, in parts; whoever says to be slow gets the start of it, and the rest once `release` is called. */
async function serveFilm(path) {
  const { size } = statSync(path);
  const waiting = [];
  let isReleased = false;
  const server = createServer((request, response) => {
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    response.writeHead(range ? 206 : 200, {
      "Content-Type": "video/webm", "Accept-Ranges": "bytes", "Content-Length": end - start + 1,
      ...(range && { "Content-Range": `bytes ${start}-${end}/${size}` }),
    });
    const isSlow = request.headers["user-agent"] === "Slow" && !isReleased;
    const given = isSlow ? Math.min(end, SLOW_BYTES) : end;
    const rest = () => given < end && createReadStream(path, { start: Math.max(start, given + 1), end }).pipe(response);
    if (given >= start) createReadStream(path, { start, end: given }).pipe(response, { end: given === end });
    if (given < end) waiting.push(rest);
  });
  server.release = () => {
    isReleased = true;
    for (const rest of waiting) rest();
  };
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
