// The films of the server in Chromium: the owner picks one, and a guest who came by an invitation, without the key, plays it
// in sync through a proxy that cuts its connections. Tickets end with who is put out.
//
//   node watch-library.mjs http://127.0.0.1:3001/ KEY TRANSCODED
//
// The server has Film.webm with Film.en.srt and Film.de.ass, and Old.avi, which browsers do not play; TRANSCODED is
// whether it makes HLS of that.
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { delayProxy } from "./delay-proxy.mjs";
import { choose, confirm, dump, join, openPage, openRoom, press, pressOf, until } from "./party-pages.mjs";

const [address, key, transcoded] = process.argv.slice(2);
const url = new URL(address);
const proxy = await delayProxy(Number(url.port), 0, url.hostname);
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  await openRoom(ann, "Film night");
  await until(ann, () => document.querySelectorAll(".film-tile").length === 2);
  await until(ann, () => document.querySelector(".film-tile img")?.naturalWidth > 0);
  const tiles = await ann.$$eval(".film-tile", (tiles) => tiles.map((tile) => tile.innerText.replace(/\s+/g, " ").trim()));
  assert.match(tiles[0], /Film.*1:00.*MB/i);
  const ben = (pages.ben = await guest(ann));
  if (transcoded === "true") await watchWhatIsMade(ann, ben);
  else await watchAsItIs(ann, ben, tiles);
} catch (error) {
  await dump(pages);
  throw error;
} finally {
  await browser.close();
  proxy.close();
}

/** Comes by an invitation in a private window, through the proxy. */
async function guest(ann) {
  await press(ann, ".invitation-form .primary");
  await until(ann, () => document.querySelector(".invitation-made .share-link").value !== "");
  const link = new URL(await ann.$eval(".invitation-made .share-link", (input) => input.value));
  link.port = proxy.port;
  const page = await openPage(await browser.createBrowserContext(), link.href, "Ben");
  await join(page);
  return page;
}

async function watchAsItIs(ann, ben, tiles) {
  assert.match(tiles[1], /Old.*MPEG-4/i);
  assert.ok(await ann.$$eval(".film-tile", (found) => found[1].disabled));
  console.log("ok   the list has length, size and poster, and the codec of what cannot be played");

  const media = [];
  ben.on("request", (request) => request.url().includes("/media/file/") && media.push(request.url()));
  await play(ann, 0);
  for (const page of [ann, ben]) await inSync(page, 2);
  console.log("ok   a guest without the key plays the film in sync");

  await until(ben, () => document.querySelector("#subtitle-choice").options.length === 3);
  const labels = await ben.$$eval("#subtitle-choice option", (options) => options.map(({ text, value }) => [text, value]));
  for (const [label, words] of [["de", "Guten Abend"], ["en", "Good evening"]]) {
    await choose(ben, "#subtitle-choice", labels.find(([text]) => text === label)[1]);
    await until(ben, (words) => document.querySelector("#subtitle").textContent === words, words);
  }
  assert.ok(await ann.$eval("#subtitle", (line) => line.hidden));
  console.log("ok   each chooses its subtitles, of .srt and of .ass");

  await ben.$eval("#video", (video) => {
    window.nLoads = 0;
    video.addEventListener("emptied", () => (window.nLoads += 1));
  });
  const ticket = new URL(media.at(-1)).searchParams.get("ticket");
  const own = await ben.evaluate(() => window.roomhub.members.length);
  assert.equal(own, 2);
  proxy.cut();
  await until(ben, () => document.querySelector("#status").textContent.includes("Connected again"));
  const at = await ben.evaluate(() => window.roomhub.position());
  await inSync(ben, at + 1);
  assert.equal(await ben.evaluate(() => window.nLoads), 0);
  console.log("ok   the film goes on through a cut connection, and is not loaded again");

  const film = new URL(media.at(-1));
  const status = async (other) => {
    film.searchParams.set("ticket", other);
    const response = await fetch(film, { headers: { Range: "bytes=0-9" } });
    await response.arrayBuffer();
    return response.status;
  };
  assert.equal(await status(ticket), 206);
  const [said, tag] = ticket.split(".");
  const other = (pages.other = await openPage(await browser.createBrowserContext(), `${url}#key=${encodeURIComponent(key)}`, "Eve"));
  const room = await openRoom(other, "Another room");
  const name = Buffer.from(said, "base64url");
  const elsewhere = Buffer.concat([name.subarray(0, 16), Buffer.from(room)]).toString("base64url");
  for (const wrong of ["", `${elsewhere}.${tag}`, `${said}.${tag.slice(1)}A`]) assert.equal(await status(wrong), 403, wrong);
  await pressOf(ann, "Ben", "Remove");
  await confirm(ann);
  await until(ben, () => !document.querySelector("#entry").hidden);
  assert.equal(await status(ticket), 403);
  console.log("ok   tickets for other rooms, made-up ones and those of who was put out open nothing");
}

async function watchWhatIsMade(ann, ben) {
  await play(ann, 1);
  for (const page of [ann, ben]) await inSync(page, 2);
  assert.match(await ben.evaluate(() => window.roomhub.film.url), /^media\/hls\/.*\.m3u8$/);
  await ann.$eval("#seek", (bar) => {
    bar.value = "30";
    bar.dispatchEvent(new Event("change"));
  });
  for (const page of [ann, ben]) await inSync(page, 31);
  console.log("ok   a film that browsers do not play is made into a stream that grows while it is watched");
  proxy.cut();
  await until(ben, () => document.querySelector("#status").textContent.includes("Connected again"));
  const at = await ben.evaluate(() => window.roomhub.position());
  await inSync(ben, at + 1);
  console.log("ok   and goes on through a cut connection");
}

async function play(page, n) {
  await page.$$eval(".film-tile", (tiles, n) => tiles[n].click(), n);
  await until(page, () => window.roomhub.film?.source === "roomhub");
  await until(page, () => !document.querySelector("#play").disabled);
  await press(page, "#play");
}

/** Waits until the film is past a second, and where the room is. */
function inSync(page, second) {
  return until(
    page,
    (second) => {
      const { isPlaying, errorMs } = window.roomhub;
      return isPlaying && window.roomhub.position() > second && errorMs !== null && Math.abs(errorMs) < 80;
    },
    second,
  );
}
