// The music page with links that do not play: refused with a reason when they are pasted, passed over when they die later.
//
//   node dead-links.mjs http://127.0.0.1:3000/
//
// Needs puppeteer-core and a Chromium (CHROMIUM, by default /usr/bin/chromium).
import { createServer } from "node:http";
import { chromium } from "./chromium.mjs";

const url = new URL(process.argv[2]);
let isDead = false;
const files = createServer(async (request, response) => {
  if (request.url.endsWith(".m3u")) {
    response.writeHead(200, { "Content-Type": "audio/x-mpegurl", "Access-Control-Allow-Origin": "*" });
    return response.end("#EXTM3U\n#EXTINF:5,Ann - First\none.wav\n\n#EXTINF:5,Second\n/two.wav\nnone of these: \u0000\n");
  }
  if (isDead) return response.writeHead(404).end();
  const sample = await fetch(new URL("/assets/sample.wav", url));
  response.writeHead(200, { "Content-Type": "audio/wav", "Access-Control-Allow-Origin": "*" });
  return response.end(Buffer.from(await sample.arrayBuffer()));
});
await new Promise((resolve) => files.listen(0, "127.0.0.1", resolve));
const dying = `http://127.0.0.1:${files.address().port}/Ann%20-%20Dying.wav`;

let nFailures = 0;
const browser = await chromium();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => check(`no error on the page: ${error.message}`, false));
  await page.goto(url.href);
  await page.type("#name", "Ann");
  await page.click("#create");
  await page.waitForFunction(() => window.roomhub.isHost && window.roomhub.position() > 0.3);

  for (const [address, words] of [
    ["https://example.org/stations.pls", "playlist"],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "page"],
    ["https://example.org/song.html", "page"],
    ["http://127.0.0.1:1/gone.mp3", "could not be opened"],
  ]) {
    await add(page, address);
    await page.waitForFunction((part) => document.querySelector("#track-url-complaint").textContent.includes(part), {}, words);
    check(`${address} is refused with a reason`, (await queued(page)) === 0);
  }

  await add(page, dying);
  await page.waitForFunction(() => document.querySelectorAll("#queue li").length === 1);
  await add(page, "/assets/sample.wav");
  await page.waitForFunction(() => document.querySelectorAll("#queue li").length === 2);
  isDead = true;
  await page.click("#next");
  await page.waitForFunction(() => document.querySelector("#status").textContent.includes("Dying could not be played"));
  await page.waitForFunction(() => document.querySelectorAll("#queue li").length === 0 && window.roomhub.position() > 0.3);
  check("a link that died is passed over, with a word", true);

  isDead = false;
  await add(page, new URL("list.m3u", dying).href);
  await page.waitForFunction(() => document.querySelectorAll("#queue li").length >= 2);
  const titles = await page.$$eval("#queue .queue-title", (titles) => titles.map((title) => title.textContent));
  check(`a list is queued track by track: ${titles}`, titles.slice(0, 2).join() === "First,Second");

  const roomId = await page.evaluate(() => window.roomhub.roomId);
  const told = await (await fetch(new URL(`/room/${roomId}`, url))).json();
  const { title, name, artist } = told.currentTrack;
  check("a track has the names that other players show", title === name && Boolean(artist));
} finally {
  await browser.close();
  files.close();
}
process.exitCode = nFailures === 0 ? 0 : 1;

async function add(page, address) {
  await page.$eval("#track-url", (field) => (field.value = ""));
  await page.type("#track-url", address);
  await page.click("#add-track");
}

function queued(page) {
  return page.$$eval("#queue li", (items) => items.length);
}

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
