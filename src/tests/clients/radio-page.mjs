// The radio page in Chromium behind a proxy that puts paths before it; what it asks for, and how it plays on a phone.
//
//   node radio-page.mjs http://127.0.0.1:80/ [FOLDER FOR SCREENSHOTS]
// The proxy serves the station's server below /radio/ and /bare. The server has the stations / and /ночь ту.
import assert from "node:assert/strict";
import http from "node:http";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 30_000;
const NIGHT = "/ночь ту";
const [url, folder] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
});

/// A page at that address, with what it asked for and what failed.
async function open(path, prepare = async () => {}) {
  const page = await browser.newPage();
  const asked = [];
  const failed = [];
  page.on("request", request => asked.push(decodeURIComponent(new URL(request.url()).pathname)));
  page.on("response", response => response.status() >= 400 && failed.push(`${response.status()} ${response.url()}`));
  page.on("pageerror", error => failed.push(String(error)));
  await prepare(page);
  await page.goto(url + path);
  await page.waitForFunction(() => document.querySelector(".station .title")?.textContent === "600", { timeout: PATIENCE_MS });
  return { page, asked, failed };
}

const selected = page => page.$eval('.station[aria-pressed="true"] .route span', span => span.textContent);
const plays = page => page.waitForFunction(() => window.roomhubRadio.played() > 0.5, { timeout: PATIENCE_MS });

try {
  for (const path of ["radio/", "radio/web", "radio", "radio/web/", "bare/", "bare/web", "radio/web?a=b"]) {
    const { page, failed } = await open(path);
    assert.deepEqual(failed, [], path);
    assert.equal(await selected(page), "/", path);
    await page.close();
  }
  console.log("ok   below a path, with and without a slash");

  const bare = await open("bare");
  assert.equal(new URL(bare.page.url()).pathname, "/bare/");
  await bare.page.close();
  console.log("ok   where the proxy itself does not add the slash");

  for (const [hash, route] of [["#100%", "/"], ["#/none", "/"], [`#${NIGHT}`, NIGHT], [`#${encodeURIComponent(NIGHT)}`, NIGHT], ["#%E0%A4%A", "/"]]) {
    const { page, failed } = await open(`radio/web${hash}`);
    assert.deepEqual(failed, [], hash);
    assert.equal(await selected(page), route, hash);
    await page.close();
  }
  console.log("ok   any text after the hash");

  const { page, asked, failed } = await open("radio/");
  await page.evaluate(() => [...document.querySelectorAll(".station")].at(-1).click());
  await plays(page);
  assert.equal(await selected(page), NIGHT);
  assert.ok(asked.includes(`/radio${NIGHT}`), asked.join("\n"));
  const before = asked.length;
  const count = () => page.$eval(".station .count", count => parseInt(count.textContent, 10));
  for (let round = 0; round < 5; round += 1) {
    const crowd = Array.from({ length: 10 }, () => http.get(`${url}radio/`, { headers: { Accept: "audio/mpeg" } }, answer => answer.resume()));
    crowd.forEach(listener => listener.on("error", () => {}));
    await page.waitForFunction(() => parseInt(document.querySelector(".station .count").textContent, 10) >= 10, { timeout: PATIENCE_MS });
    crowd.forEach(listener => listener.destroy());
    await page.waitForFunction(() => parseInt(document.querySelector(".station .count").textContent, 10) === 0, { timeout: PATIENCE_MS });
  }
  assert.equal(await count(), 0);
  assert.deepEqual(asked.slice(before), [], "listeners who come and go make it ask for something");
  assert.deepEqual(failed, []);
  console.log("ok   it asks for nothing when listeners come and go");
  await page.close();

  const phone = await open("radio/", async page => {
    await page.setUserAgent("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1");
    await page.evaluateOnNewDocument(() => {
      window.contexts = 0;
      const Plain = window.AudioContext;
      window.AudioContext = class extends Plain {
        constructor(...args) {
          super(...args);
          window.contexts += 1;
        }
      };
    });
  });
  await phone.page.click("#play");
  await plays(phone.page);
  assert.equal(await phone.page.evaluate(() => window.contexts), 0);
  console.log("ok   a phone plays the sound itself");

  if (folder) {
    for (const [name, width, height] of [["page-desktop", 1100, 760], ["page-phone", 390, 760]]) {
      await phone.page.setViewport({ width, height, deviceScaleFactor: 1 });
      await phone.page.screenshot({ path: `${folder}/${name}.png` });
    }
  }
} finally {
  await browser.close();
}
