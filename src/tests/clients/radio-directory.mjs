// The radio pages in Chromium: the directory with its filter, the page of one station, and its player in a frame of another site.
//
//   node radio-directory.mjs http://127.0.0.1:9999/ [FOLDER FOR SCREENSHOTS]
// The stations are /jazz ("Night jazz", in German, with a cover), /rock ("Loud <b>rock</b>") and / ("News"), in English; each plays "Eins".
import assert from "node:assert/strict";
import http from "node:http";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 30_000;
const [url, folder] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--lang=en"],
});
const failed = [];

async function open(address) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 900 });
  page.on("response", (response) => response.status() >= 400 && failed.push(`${response.status()} ${response.url()}`));
  page.on("pageerror", (error) => failed.push(String(error)));
  page.on("console", (message) => message.type() === "error" && failed.push(message.text()));
  await page.goto(new URL(address, url));
  return page;
}

const until = (place, test, ...values) => place.waitForFunction(test, { timeout: PATIENCE_MS }, ...values);
const plays = (place) => until(place, () => window.roomhubRadio?.played() > 0.5);
const shown = (page) => page.$$eval(".station-place:not([hidden]) .station .name", (names) => names.map((name) => name.textContent));

/** Pictures of a page as desktops and phones show it, by day and by night, in both languages. */
async function photograph(page, name) {
  if (!folder) return;
  for (const language of ["en", "zh"]) {
    if (await page.$("#language")) await page.select("#language", language);
    for (const [kind, width, height] of [["desktop", 1200, 900], ["phone", 390, 844]]) {
      for (const scheme of ["light", "dark"]) {
        await page.setViewport({ width, height });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.screenshot({ path: `${folder}/${name}-${kind}-${scheme}-${language}.png`, fullPage: kind === "phone" });
      }
    }
  }
  if (await page.$("#language")) await page.select("#language", "en");
  await page.setViewport({ width: 1200, height: 900 });
}

try {
  const directory = await open("web");
  await until(directory, () => document.querySelectorAll(".station").length === 3 && !document.querySelector("#filter").hidden);
  assert.deepEqual((await shown(directory)).sort(), ["Loud <b>rock</b>", "News", "Night jazz"]);
  assert.equal(await directory.$$eval(".station b", (found) => found.length), 0);
  const jazzCover = await directory.$eval(".station .cover:not([hidden])", (image) => image.getAttribute("src"));
  assert.match(jazzCover, /^cover\/[0-9a-f]{32}$/);
  for (const [words, names] of [["loud ROCK", ["Loud <b>rock</b>"]], ["ten", ["Night jazz"]], ["nothing like it", []]]) {
    await directory.$eval("#words", (field) => (field.value = ""));
    await directory.type("#words", words);
    assert.deepEqual(await shown(directory), names, words);
  }
  assert.ok(await directory.$eval("#no-match", (note) => !note.hidden));
  await directory.$eval("#words", (field) => {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  });
  await directory.select("#tongue", "en");
  assert.deepEqual((await shown(directory)).sort(), ["Loud <b>rock</b>", "News"]);
  await directory.select("#genre", "talk");
  assert.deepEqual(await shown(directory), ["News"]);
  await directory.select("#genre", "");
  await directory.select("#tongue", "");
  await directory.focus(".station");
  await directory.keyboard.press("Enter");
  await plays(directory);
  console.log("ok   the directory finds stations by words, genre and language, and plays one by the keyboard");
  await photograph(directory, "directory");

  await Promise.all([
    directory.waitForNavigation({ timeout: PATIENCE_MS }),
    directory.evaluate(() => [...document.querySelectorAll(".to-page")].find((link) => link.href.endsWith("/web/jazz")).click()),
  ]);
  await until(directory, () => document.querySelector("#name")?.textContent === "Night jazz");
  await directory.close();

  const page = await open("web/jazz");
  await until(page, () => document.querySelector("#now-title").textContent === "Eins");
  await page.click("#play");
  await plays(page);
  await until(page, () => document.querySelector("#now-cover").naturalWidth === 192);
  assert.match(await page.$eval("#facts", (facts) => facts.textContent), /jazz · German · \d+ listening/);
  const session = await page.evaluate(() => {
    const { title, album, artwork } = navigator.mediaSession.metadata;
    return { title, album, artwork: artwork.map(({ src }) => src), state: navigator.mediaSession.playbackState };
  });
  assert.deepEqual(session, { title: "Eins", album: "Night jazz", artwork: [new URL(jazzCover, url).href], state: "playing" });
  assert.match(await page.title(), /^Eins · Night jazz$/);
  assert.equal(await page.$eval("#page-address", (field) => field.value), new URL("web/jazz", url).href);
  const frame = await page.$eval("#frame-text", (field) => field.value);
  await page.click("#copy-frame");
  await until(page, () => document.querySelector("#status").textContent === "Copied");
  const links = await page.$$eval("#links a", (found) => found.map((link) => link.textContent.replace(/ \d+ kbit.s/, "")));
  assert.deepEqual(links, ["MP3", "M3U", "PLS", "HLS"]);
  const manifest = await page.$eval('link[rel="manifest"]', (link) => link.href);
  assert.equal(manifest, new URL("assets/manifest.webmanifest", url).href);
  assert.equal(await page.evaluate(() => new Audio().disableRemotePlayback), false);
  console.log("ok   the page of a station plays, with cover, keys of the keyboard and addresses to hand on");
  await photograph(page, "station");
  await page.click("#play");
  await until(page, () => navigator.mediaSession.playbackState === "paused");
  await page.close();

  const others = http.createServer((request, response) => {
    response.setHeader("Content-Type", "text/html");
    const whole = `<iframe src="${new URL("web/jazz", url)}"></iframe>`;
    response.end(`<!doctype html><h1>Another site</h1>${request.url === "/whole" ? whole : frame}`);
  });
  await new Promise((ready) => others.listen(0, "127.0.0.1", ready));
  const elsewhere = `http://localhost:${others.address().port}/`;
  const site = await open(elsewhere);
  const inner = await site.waitForFrame((found) => found.url().includes("/web/jazz?embed"), { timeout: PATIENCE_MS });
  await until(inner, () => document.querySelector("#title")?.textContent === "Eins");
  await (await inner.$("#play")).click();
  await plays(inner);
  assert.equal(await inner.$eval("#name", (link) => link.href), new URL("web/jazz", url).href);
  await until(inner, () => document.querySelector("#cover").naturalWidth === 192);
  assert.deepEqual(failed, []);
  if (folder) await site.screenshot({ path: `${folder}/embed.png` });
  await site.close();
  console.log("ok   the player plays in a frame of another site");

  const refused = await open(`${elsewhere}whole`);
  const patience = Date.now() + PATIENCE_MS;
  while (!failed.some((text) => text.includes("frame-ancestors"))) {
    assert.ok(Date.now() < patience, "the browser says that it shows no whole page in a frame");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await refused.close();
  others.close();
  others.closeAllConnections();
  console.log("ok   a whole page is in no frame of another site");
} finally {
  await browser.close();
}
