// The radio page in Chromium with stations that have names, schedules and keys.
//
//   node radio-stations.mjs http://127.0.0.1:9999/ KEY
// The stations are /board ("Board", with that key), and /jazz ("Night jazz", with the show "Always", which
// is on all day and followed by itself).
import assert from "node:assert/strict";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 30_000;
const [url, key] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
});

/// The texts of all stations, once there are as many.
async function stations(page, n) {
  await page.waitForFunction((n) => document.querySelectorAll(".station").length === n, { timeout: PATIENCE_MS }, n);
  await page.waitForFunction(() => document.body.textContent.includes("Always, until"), { timeout: PATIENCE_MS });
  return page.$$eval(".station", (cards) => cards.map((card) => card.innerText));
}

try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 900 });
  await page.goto(new URL("web", url));
  const [jazz] = await stations(page, 1);
  assert.match(jazz, /\/jazz[^]*Night jazz[^]*Quiet, after ten[^]*Always, until [^]*Next at [^]*: Always/);
  console.log("ok   name, description, show and what comes next");

  await page.$$eval("details summary", ([elsewhere]) => elsewhere.click());
  const links = await page.$$eval("#links a", (links) => links.map((link) => [link.textContent, link.href]));
  assert.deepEqual(links.map(([name]) => name.replace(/ \d+ kbit.s/, "")), ["MP3", "OPUS", "M3U", "PLS", "HLS"]);
  for (const [name, address] of links.filter(([name]) => ["M3U", "PLS"].includes(name))) {
    const list = await (await fetch(address)).text();
    assert.ok(list.includes(new URL("jazz", url).href), `${name} names the station: ${list}`);
  }
  await page.click("#links button");
  await page.waitForFunction(() => document.querySelector("#status").textContent === "Copied", { timeout: PATIENCE_MS });
  console.log("ok   addresses for players, which can be copied");

  await page.goto(new URL(`web?${new URLSearchParams({ key })}`, url));
  const [board] = await stations(page, 2);
  assert.match(board, /Board/);
  await page.click(".station");
  await page.waitForFunction(() => window.roomhubRadio.played() > 0.5, { timeout: PATIENCE_MS });
  console.log("ok   a station with a key is there, and plays, with the key in the address");

  const failed = [];
  page.on("pageerror", (error) => failed.push(String(error)));
  const says = (text) => page.waitForFunction(
    (text) => document.querySelector("#reason")?.textContent === text,
    { timeout: PATIENCE_MS },
    text,
  );
  await page.goto(new URL("web/board", url));
  await page.select("#language", "en");
  await says("This station is heard with a key.");
  await page.type("#key", "another key");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await says("That is not the key.");
  await page.select("#language", "zh");
  await says("密钥不正确。");
  await page.select("#language", "en");
  await page.type("#key", key);
  await Promise.all([page.waitForNavigation(), page.click("#open")]);
  await page.waitForFunction(() => document.querySelector("#name")?.textContent === "Board", { timeout: PATIENCE_MS });
  await page.goto(new URL("web/none", url));
  await says("There is no such station.");
  assert.ok(!(await page.$("#key:enabled")), "it asks for a key that opens nothing");
  await Promise.all([page.waitForNavigation(), page.click("#entrance a")]);
  await stations(page, 1);
  assert.deepEqual(failed, []);
  console.log("ok   a page that is not shown says why, and asks for the key where one opens it");
} finally {
  await browser.close();
}
