// Two windows in one room, one with its clock five seconds off and 200 ms of added latency: how far apart is the sound?
//
//   node two-windows.mjs http://127.0.0.1:3000/ [--delay 100] [--shift 5000] [--limit 50] [--seconds 60]
//
// Needs puppeteer-core and a Chromium (CHROMIUM, by default /usr/bin/chromium). Exits 0 if the windows stay within the limit.
import { parseArgs } from "node:util";

import { chromium } from "./chromium.mjs";
import { delayProxy } from "./delay-proxy.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    delay: { type: "string", default: "100" },
    shift: { type: "string", default: "5000" },
    limit: { type: "string", default: "50" },
    seconds: { type: "string", default: "60" },
    shots: { type: "string" },
  },
});
const LIMIT_MS = Number(options.limit);
const SETTLE_SECONDS = Number(options.seconds);
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 200;
const url = new URL(positionals[0] ?? "http://127.0.0.1:3000/");
const proxy = await delayProxy(Number(url.port || 80), Number(options.delay), url.hostname);
const farUrl = new URL(url);
farUrl.host = `127.0.0.1:${proxy.port}`;

const browser = await chromium();
let nChecks = 0;
let nFailures = 0;

try {
  const near = await openWindow(url, 0);
  await near.type("#name", "Ann");
  await near.click("#create");
  await near.waitForFunction(() => window.roomhub.isHost && window.roomhub.position() > 0.3);
  const roomId = await near.evaluate(() => window.roomhub.roomId);

  const invitation = new URL(farUrl);
  invitation.searchParams.set("room", roomId);
  const far = await openWindow(invitation, Number(options.shift));
  await far.type("#name", "Ben");
  await far.click("#join");
  await far.waitForFunction(() => window.roomhub.members.length === 2 && window.roomhub.position() > 0);

  await compare("after joining", near, far);
  await far.waitForFunction((offset) => Math.abs(window.roomhub.offsetMs - offset) < 25, {}, -Number(options.shift));
  check("the offset is measured", true);
  await isHost(near);
  await far.waitForFunction(() => document.querySelector("#play").disabled);
  check("the controls of a member are disabled", true);

  await isHost(near);
  await near.$eval("#seek", (bar) => {
    bar.value = "30";
    bar.dispatchEvent(new Event("input"));
    bar.dispatchEvent(new Event("change"));
  });
  await compare("after a seek", near, far);

  await isHost(near);
  await near.click("#play");
  await far.waitForFunction(() => !window.roomhub.isPlaying);
  const paused = await near.evaluate(() => window.roomhub.position());
  await far.waitForFunction((there) => Math.abs(window.roomhub.position() - there) < 0.001, {}, paused);
  check(`paused at the same position (${paused.toFixed(3)})`, true);

  await isHost(near);
  await near.click("#play");
  await far.waitForFunction(() => window.roomhub.isPlaying);
  await compare("after a pause", near, far);

  await isHost(near);
  await near.type("#track-url", "/assets/sample.wav");
  await near.click("#add-track");
  await far.waitForFunction(() => document.querySelectorAll("#queue li").length === 1);
  await isHost(near);
  await near.click("#next");
  await far.waitForFunction(() => window.roomhub.targetPosition() < 5);
  await compare("after the next track", near, far);

  proxy.cut();
  await compare("after a cut connection", near, far);
  check("both are in the room again", await far.evaluate(() => window.roomhub.members.length === 2));

  await Promise.all([far.reload(), sleep(100)]);
  await far.waitForFunction((id) => window.roomhub?.roomId === id && window.roomhub.position() > 0, {}, roomId);
  await compare("after a reload of the member", near, far);

  await near.close();
  await far.waitForFunction(() => window.roomhub.isHost);
  check("the member is the host when the host has gone", true);
} finally {
  await browser.close();
  proxy.close();
}
console.log(`${nChecks} checks, ${nFailures} failed`);
process.exitCode = nFailures === 0 && nChecks >= 10 ? 0 : 1;

/** A window of its own, its clocks moved by `shiftMs`; `trueNow()` in it is the clock that all windows share. */
async function openWindow(address, shiftMs) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(SETTLE_SECONDS * 1000);
  await page.setViewport({ width: 1280, height: 800 });
  page.on("pageerror", (error) => { nFailures += 1; console.log("page error:", error.message); });
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text(), message.location().url ?? ""));
  await page.evaluateOnNewDocument((shift) => {
    const origin = performance.timeOrigin;
    window.trueNow = () => origin + performance.now();
    const dateNow = Date.now;
    Date.now = () => dateNow() + shift;
    Object.defineProperty(Performance.prototype, "timeOrigin", { get: () => origin + shift });
  }, shiftMs);
  await page.goto(address.href);
  return page;
}

/**
 * Measures how far apart they sound until the last SAMPLES measurements are all within the limit.
 * A busy machine may let a window wait, which a player cannot help: what counts is that they find each other and stay.
 */
async function compare(when, near, far) {
  const started = performance.now();
  const gaps = [];
  const worst = () => Math.max(...gaps.slice(-SAMPLES));
  const isDone = () => gaps.length >= SAMPLES && worst() <= LIMIT_MS;
  while (!isDone() && performance.now() - started < SETTLE_SECONDS * 1000) {
    await sleep(SAMPLE_EVERY_MS);
    const [a, b] = await Promise.all([near, far].map((page) => page.evaluate(startOfSound)));
    gaps.push(Math.abs(a - b));
  }
  const median = gaps.slice(-SAMPLES).sort((a, b) => a - b)[SAMPLES >> 1];
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  check(`${when}: worst ${worst().toFixed(1)} ms, median ${median?.toFixed(1)} ms, after ${seconds} s`, isDone());
}

/** A host whose connection broke for a moment, as on a busy machine, is back and host again. */
function isHost(page) {
  return page.waitForFunction(() => window.roomhub.isHost && !document.querySelector("#play").disabled);
}

/** The true moment (ms) at which the track would have started to sound where it does now. */
function startOfSound() {
  return window.trueNow() - window.roomhub.position() * 1000;
}

function check(what, holds) {
  nChecks += 1;
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
