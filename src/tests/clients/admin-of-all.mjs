// The admin page of all services behind one door, in Chromium: an operator signs in, sees rooms of every service, kicks, skips
// and disconnects; a viewer looks; in English and in Chinese.
//
//   node admin-of-all.mjs http://127.0.0.1:8080/ KEY ADMIN_KEY VIEWER_KEY SOURCE_PASSWORD [FOLDER FOR SCREENSHOTS]
import assert from "node:assert/strict";
import net from "node:net";

import { io } from "socket.io-client-4.8.1";
import WebSocket from "ws";

import { press, signIn } from "./admin-pages.mjs";
import { chromium } from "./chromium.mjs";

const PATIENCE_MS = 60_000;
const [url, key, adminKey, viewerKey, password, folder] = process.argv.slice(2);
const MARKUP = "Bob <b>bold</b>";

const browser = await chromium();
try {
  const [ann, bob] = [await connected("music"), await connected("music")];
  ann.emit("introduce", { name: "Ann", person: "the person of ann" });
  ann.emit("create-room", { roomId: "AB12", name: "Evening", track: { id: 1, name: "Nocturne" } });
  await told(ann, "room-created");
  bob.emit("introduce", { name: MARKUP, person: "the person of bob" });
  bob.emit("join-room", { roomId: "AB12" });
  await told(bob, "room-joined");
  const owner = await connected("watch");
  await owner.emitWithAck("room:create", { name: "Friday films", isPublic: true, userName: "小明" });
  const caller = await connected("signal");
  caller.emit("join", { userId: "carl", roomId: "call-7" });
  await told(caller, "joined");
  const device = new WebSocket(`${url.replace("http", "ws")}devices/`);
  await new Promise((resolve) => device.once("open", resolve));
  device.send(JSON.stringify({ device_id: "kitchen-1", identity: "display" }));

  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.setViewport({ width: 1200, height: 900 });
  await page.goto(`${url}admin`);
  await signIn(page, "a wrong key");
  await says(page, "#refusal", "That is not the key.");
  await signIn(page, adminKey);
  for (const [service, words] of [
    ["music", ["AB12", "Nocturne", "Ann", MARKUP, "host"]], ["watch", ["Friday films", "小明", "owner"]],
    ["signal", ["call-7", "carl"]], ["devices", ["kitchen-1", "display"]], ["radio", ["next: 1.mp3"]],
  ]) {
    for (const word of words) await says(page, `[data-service=${service}]`, word);
  }
  assert.equal(await page.$$eval("#services b", (all) => all.length), 0, "names are text");
  await says(page, "#role", "operator");
  await says(page, "#summary", "roomhub");
  await picture(page, "admin");
  console.log("ok   an operator sees rooms of every service");

  const kicked = told(bob, "party:kicked");
  await press(page, `kick ${bob.id}`);
  await page.waitForSelector("#question[open]", { timeout: PATIENCE_MS });
  assert.ok((await page.$eval("#question-text", (text) => text.textContent)).includes(MARKUP));
  // Cancelled, and asked again before a frame tells that the dialog has closed.
  await page.evaluate((focus) => {
    document.querySelector("#question .plain").click();
    document.querySelector(`[data-focus="${focus}"]`).click();
  }, `kick ${bob.id}`);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.click("#question .danger");
  await kicked;
  await says(page, "[data-service=music]", MARKUP, false);
  await press(page, "skip /");
  await says(page, "[data-service=radio]", "next: 0.mp3");
  const closed = new Promise((resolve) => device.once("close", resolve));
  await press(page, "disconnect kitchen-1");
  await page.waitForSelector("#question[open]", { timeout: PATIENCE_MS });
  await page.click("#question .danger");
  await closed;
  await page.type("#find", "friday");
  await says(page, "[data-service=music]", "Nocturne", false);
  await says(page, "[data-service=watch]", "Friday films");
  await page.$eval("#find", (field) => { field.value = ""; field.dispatchEvent(new Event("input")); });
  console.log("ok   kicks a member, skips a track, disconnects a device, finds a room");

  const found = await (await fetch(`${url}radio/requests/search?q=0`)).json();
  const asked = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ track: found.tracks[0].track }) };
  assert.equal((await fetch(`${url}radio/requests`, asked)).status, 201);
  await says(page, "[data-service=radio]", "requested");
  await press(page, "dropRequest 1");
  await says(page, "[data-service=radio]", "requested", false);
  assert.deepEqual((await (await fetch(`${url}radio/requests`)).json()).requests, []);
  const show = broadcast();
  await says(page, "[data-service=radio]", "live source");
  await press(page, "muteSource source");
  await says(page, "[data-service=radio]", "muted live source");
  // The folder is on the air once its next frames are there.
  await page.waitForFunction(
    async (address) => (await (await fetch(address)).json()).source === "folder",
    { timeout: PATIENCE_MS, polling: 100 },
    `${url}radio/now-playing`,
  );
  await press(page, "unmuteSource source");
  await says(page, "[data-service=radio]", "muted live source", false);
  await press(page, "kickSource source");
  await says(page, "#question-text", "for how many minutes?");
  await page.click("#question .danger");
  await show.ended;
  await says(page, "[data-service=radio]", "live source", false);
  assert.match(await broadcast().ended, /^HTTP\/1\.[01] 403 /, "it is kept out");
  console.log("ok   takes a request out, mutes a live source and keeps it out");

  await page.click("#tab-log");
  await says(page, "#log", "admin action");
  await picture(page, "admin-log");
  await page.click("#tab-configuration");
  await says(page, "#configuration", "ROOMHUB_ADMIN__KEY");
  const shown = await page.$eval("#configuration", (table) => table.textContent);
  assert.ok(shown.includes("admin.key") && !shown.includes(adminKey) && !shown.includes("watch.max_rooms"), shown);
  await picture(page, "admin-configuration");
  await page.click("#only-set");
  await says(page, "#configuration", "watch.max_rooms");
  console.log("ok   shows the log and what is configured");

  await page.click("#tab-services");
  await page.select("#language", "zh");
  await says(page, "#role", "管理员");
  await says(page, "[data-service=music]", "主持人");
  const again = told(ann, "party:kicked");
  await press(page, "close AB12");
  await says(page, "#question-text", "为所有人关闭Evening？");
  await page.click("#question .danger");
  await again;
  await says(page, "[data-service=music]", "没有房间。");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await page.setViewport({ width: 390, height: 844, deviceScaleFactor: 2 });
  await picture(page, "admin-phone");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `the page is ${width} px wide on a phone`);
  console.log("ok   closes a room in Chinese, on a phone");

  assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");
  await page.reload();
  await says(page, "[data-service=watch]", "Friday films");
  await page.select("#language", "en");
  await page.click("#sign-out");
  await page.waitForSelector("#entrance:not([hidden])", { timeout: PATIENCE_MS });
  await page.reload();
  await signIn(page, viewerKey);
  await says(page, "#role", "viewer");
  await says(page, "[data-service=watch]", "Friday films");
  assert.equal(await page.$$eval("#services button", (all) => all.length), 0, "a viewer has nothing to press");
  console.log("ok   signs out; a viewer looks, and has nothing to press");
  assert.deepEqual(problems, []);
  for (const socket of [ann, bob, owner, caller]) socket.disconnect();
} finally {
  await browser.close();
}

/** Waits until an element says something, or does not. */
async function says(page, selector, word, isSaid = true) {
  const holds = ({ selector, word, isSaid }) => {
    const text = document.querySelector(selector)?.textContent;
    return text !== undefined && text.includes(word) === isSaid;
  };
  try {
    await page.waitForFunction(holds, { timeout: PATIENCE_MS }, { selector, word, isSaid });
  } catch (problem) {
    const text = await page.evaluate((selector) => document.querySelector(selector)?.textContent, selector);
    throw new Error(`${selector} is to say ${word}: ${isSaid}, and says ${text}`, { cause: problem });
  }
}

async function picture(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: name === "admin" });
}

/** Somebody broadcasts sound to the station at `/` until the server hangs up; `ended` is what it has answered then. */
function broadcast() {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port });
  const account = Buffer.from(`source:${password}`).toString("base64");
  socket.write(`PUT /radio/ HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Basic ${account}\r\nContent-Type: audio/mpeg\r\n\r\n`);
  // Frames of silence: MPEG 1, layer III, 128 kbit/s, 44100 Hz.
  const frame = Buffer.alloc(417);
  frame.set([0xff, 0xfb, 0x90, 0x00]);
  const sending = setInterval(() => socket.write(Buffer.concat(Array(8).fill(frame))), 200);
  let answer = "";
  socket.on("data", (bytes) => (answer += bytes));
  socket.on("error", () => {});
  const ended = new Promise((resolve) => socket.once("close", () => {
    clearInterval(sending);
    resolve(answer);
  }));
  return { ended };
}

function connected(service) {
  const options = { path: `/${service}/socket.io/`, forceNew: true, transports: ["websocket"], auth: { token: key } };
  const socket = io(url, { ...options, reconnection: false });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve(socket));
    socket.on("connect_error", reject);
  });
}

function told(socket, event) {
  return new Promise((resolve) => socket.once(event, resolve));
}
