// Invitations to a watch room that hold no longer, in Chromium: a guest's page says so in words, at the entry and before, and
// learns nothing of the room.
//
//   node invitations.mjs http://127.0.0.1:3001/ KEY
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { dump, openPage, openRoom, press, until } from "./party-pages.mjs";

const ROOM_NAME = "A film that nobody else knows of";
const SECONDS = 2;
const [url, key] = process.argv.slice(2);
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann-Sophie"));
  await openRoom(ann, ROOM_NAME);

  const revoked = await invite(ann);
  const early = (pages.early = await openPage(await browser.createBrowserContext(), revoked, "Ben"));
  await until(early, () => !document.querySelector("#join").disabled);
  await until(ann, () => document.querySelector(".invitation-list button"));
  await press(ann, ".invitation-list button");
  await until(ann, () => document.querySelector(".invitation-list").children.length === 0);
  await press(early, "#join");
  await isTurnedAway(early);
  await isTurnedAway(await stranger("late", revoked));
  console.log("ok   who comes by a revoked invitation is told so, before the entry and at it");

  await ann.$eval(".invitation-form select", (select, seconds) => (select.options[0].value = seconds), SECONDS);
  await ann.$eval(".invitation-form select", (select) => (select.selectedIndex = 0));
  const expired = await invite(ann, revoked);
  const end = (await ann.evaluate(() => Date.now())) + SECONDS * 1000;
  await until(ann, (end) => Date.now() > end, end);
  await isTurnedAway(await stranger("expired", expired));
  console.log("ok   and so is who comes by one that has expired");
  assert.equal(await ann.evaluate(() => window.roomhub.members.length), 1);
} catch (error) {
  await dump(pages);
  throw error;
} finally {
  await browser.close();
}

/** Has `page` make an invitation, another one than `former`. */
async function invite(page, former = "") {
  await press(page, ".invitation-form .primary");
  const link = ".invitation-made .share-link";
  await until(page, (link, former) => !["", former].includes(document.querySelector(link).value), link, former);
  return page.$eval(link, (input) => input.value);
}

/** Comes by a link that opens nothing, in a private window. */
async function stranger(name, link) {
  const page = (pages[name] = await (await browser.createBrowserContext()).newPage());
  await page.goto(link);
  return page;
}

/** Waits for words of it; nothing of the room is on the page or kept. */
async function isTurnedAway(page) {
  await until(page, () => /has expired or was revoked/.test(document.body.innerText));
  const shown = await page.evaluate(() => [
    document.documentElement.outerHTML, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href,
  ]);
  for (const secret of [ROOM_NAME, "Ann-Sophie", key]) assert.ok(!shown.join().includes(secret), secret);
  assert.equal(await page.evaluate(() => window.roomhub.roomId), null);
}
