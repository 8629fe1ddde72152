// A film of which two pages record what is said over it: the recording is replayed, and its chat shows at its second.
//
//   node replay.mjs http://127.0.0.1:5000/ KEY
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { serveFilm } from "./film.mjs";
import { choose, dump, hears, join, openPage, openRoom, press, say, until } from "./party-pages.mjs";

const [url, key] = process.argv.slice(2);
const film = await serveFilm();
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  const room = await openRoom(ann, "Film night");
  const address = `${url}?room=${room}#key=${encodeURIComponent(key)}`;
  const bob = (pages.bob = await openPage(await browser.createBrowserContext(), address, "Bob"));
  await join(bob);

  await ann.$eval("#film-url", (input, film) => (input.value = film), film);
  await ann.$eval("#link-form", (form) => form.requestSubmit());
  for (const page of Object.values(pages)) await until(page, () => window.roomhub.film !== null);
  await choose(ann, ".recording-start input", true);
  await press(ann, ".recording-start button");
  await until(bob, () =>
    /being recorded, with chat/.test(document.querySelector(".recording-notice:not([hidden])")?.textContent),
  );
  if (!(await ann.evaluate(() => window.roomhub.isPlaying))) await press(ann, "#play");
  for (const page of Object.values(pages))
    await until(page, () => window.roomhub.isPlaying && window.roomhub.position() > 3);
  await say(bob, "what a scene");
  await hears(ann, "what a scene");
  await press(ann, ".recording-start button");
  await until(ann, () => !document.querySelector(".recording-start .is-recording"));
  console.log("ok   a recording that all members see run");

  await until(ann, () =>
    [...document.querySelectorAll(".recordings .rows button")].some((each) => each.textContent === "Replay"),
  );
  await bob.$eval(".chat-log", (log) => log.replaceChildren());
  await press(ann, ".recordings .rows button");
  await until(bob, () => /being replayed/.test(document.querySelector(".recording-notice:not([hidden])")?.textContent));
  await until(bob, () => window.roomhub.film !== null && window.roomhub.position() < 2);
  if (!(await ann.evaluate(() => window.roomhub.isPlaying))) await press(ann, "#play");
  await until(bob, () => document.querySelector(".is-replayed") !== null);
  const [said, now] = await bob.evaluate(() => [
    document.querySelector(".is-replayed .chat-when").textContent,
    window.roomhub.position(),
  ]);
  const second = Number(said.split(":")[1]);
  assert.ok(now >= second && now < second + 2, `said at ${said}, shown at ${now}`);
  assert.equal(await bob.$eval(".is-replayed .chat-words", (words) => words.textContent), "what a scene");
  await until(ann, () => document.querySelector(".recordings .card-top button:not([hidden])"));
  await press(ann, ".recordings .card-top button");
  await until(bob, () => document.querySelector(".is-replayed") === null);
  console.log("ok   the chat of a recording at its second");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  await browser.close();
}
