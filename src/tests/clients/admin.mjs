// The admin page as operators of the watch parties have it, in Chromium: with their key it shows these alone; a banner, a
// kick, a ban that is lifted, the end of a room.
//
//   node admin.mjs http://127.0.0.1:3001/ KEY ADMIN_KEY
import assert from "node:assert/strict";

import { io } from "socket.io-client-4.8.1";

import { press, signIn } from "./admin-pages.mjs";
import { chromium } from "./chromium.mjs";

const PATIENCE_MS = 60_000;
const [url, key, adminKey] = process.argv.slice(2);

const browser = await chromium();
try {
  const owner = await member();
  const made = await owner.emitWithAck("room:create", {
    name: "Friday films", description: "", password: "pw", isPublic: true, userName: "Ann <b>bold</b>",
  });
  const guest = await member();
  await guest.emitWithAck("room:join", { roomId: made.room.id, password: "pw", userName: "小明" });
  owner.emit("play:update", {
    type: "play", url: "v", currentTime: 10, isPlaying: true, videoId: "1", videoName: "The General", source: "s",
  });

  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.setViewport({ width: 1100, height: 760 });
  await page.goto(`${url}admin`);
  const isTold = (word) => page.waitForFunction(
    (word) => document.querySelector("#refusal").textContent.includes(word), { timeout: PATIENCE_MS }, word,
  );
  await isTold("watch.admin_key");
  // The members' key is not the operators'.
  await signIn(page, key);
  await isTold("That is not the key.");
  await signIn(page, adminKey);
  await page.waitForSelector(".item li:nth-child(2)", { timeout: PATIENCE_MS });
  const text = await page.$eval(".item", (room) => room.innerText);
  for (const word of ["Friday films", made.room.id, "Ann <b>bold</b>", "小明", "The General"]) {
    assert.ok(text.includes(word), `${word} in ${text}`);
  }
  assert.deepEqual(await page.$$eval(".service", (all) => all.map((each) => each.dataset.service)), ["watch"]);
  assert.equal(await page.$eval("#tab-log", (tab) => tab.hidden), true, "the log is not theirs");
  assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(sessionStorage)), "{}", "scripts see no key");
  console.log("ok   signs in and sees the room");

  const banner = new Promise((resolve) => guest.once("room:banner", resolve));
  await press(page, `banner ${made.room.id}`);
  await page.waitForSelector("#question[open]", { timeout: PATIENCE_MS });
  await page.type("#question-answer", "Tea at five");
  await page.keyboard.press("Tab");
  await page.click("#question .danger");
  assert.equal((await banner).message, "Tea at five");

  const kicked = new Promise((resolve) => guest.once("disconnect", resolve));
  await press(page, `kick ${guest.id}`);
  await page.waitForSelector("#question[open]", { timeout: PATIENCE_MS });
  await page.click("#question .danger");
  assert.equal(await kicked, "io server disconnect");

  const deleted = new Promise((resolve) => owner.once("room:deleted", resolve));
  await press(page, `close ${made.room.id}`);
  await page.waitForSelector("#question[open]", { timeout: PATIENCE_MS });
  await page.click("#question .danger");
  assert.deepEqual(await deleted, { reason: "closed_by_admin" });
  await page.waitForSelector("[data-section=rooms] .empty", { timeout: PATIENCE_MS });
  assert.deepEqual(problems, []);
  owner.disconnect();
  console.log("ok   shows a banner, kicks, closes");
} finally {
  await browser.close();
}

function member() {
  const socket = io(url, { forceNew: true, transports: ["websocket"], auth: { token: key }, reconnection: false });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve(socket));
    socket.on("connect_error", reject);
  });
}
