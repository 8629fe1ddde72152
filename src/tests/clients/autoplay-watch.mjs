// The page of watch in a Chromium that lets nothing sound before a tap: the page asks for one, and then is in sync.
//
//   node autoplay-watch.mjs http://127.0.0.1:3001/ KEY
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { serveFilm } from "./film.mjs";
import { openUntouched } from "./untouched.mjs";

const [url, key] = process.argv.slice(2);
const film = await serveFilm();
const browser = await chromium("--autoplay-policy=document-user-activation-required");
try {
  const ann = await openUntouched(browser, `${url}#key=${encodeURIComponent(key)}`);
  await ann.until("!document.querySelector('#create').disabled");
  await ann.evaluate(enter, "Ann", "#create");
  await ann.until("window.roomhub.role === 'owner'");
  const room = await ann.evaluate(() => window.roomhub.roomId);
  await ann.evaluate((film) => {
    document.querySelector("#film-url").value = film;
    document.querySelector("#link-form").requestSubmit();
  }, film);
  await ann.until("window.roomhub.film !== null && !document.querySelector('#play').disabled");
  await ann.evaluate(() => document.querySelector("#play").click());
  await ann.until("window.roomhub.isPlaying");
  const ben = await openUntouched(browser, `${url}?room=${room}#key=${encodeURIComponent(key)}`);
  await ben.until("!document.querySelector('#join').disabled");
  await ben.evaluate(enter, "Ben", "#join");
  await ben.until("document.querySelector('#cover').dataset.kind === 'tap' && !document.querySelector('#cover').hidden");
  assert.equal(await ben.evaluate(() => document.querySelector("#video").paused), true);
  console.log("ok   the page asks for a tap");
  const { x, y } = await ben.evaluate(() => {
    const button = document.querySelector("#cover-buttons button");
    button.scrollIntoView({ block: "center", behavior: "instant" });
    return button.getBoundingClientRect().toJSON();
  });
  await ben.page.mouse.click(x + 10, y + 10);
  await ben.until("!window.roomhub.isBlocked && window.roomhub.errorMs !== null && Math.abs(window.roomhub.errorMs) < 80");
  assert.equal(await ben.evaluate(() => document.querySelector("#video").muted), false);
  console.log("ok   and is in sync after it");
} finally {
  await browser.close();
}

function enter(name, button) {
  document.querySelector("#name").value = name;
  for (const kind of ["input", "change"]) document.querySelector("#name").dispatchEvent(new Event(kind, { bubbles: true }));
  if (button === "#create") document.querySelector("#new-room-name").value = "Films";
  document.querySelector(button).click();
}
