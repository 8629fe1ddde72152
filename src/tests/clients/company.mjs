// Four windows of one watch room: an owner, two members and a guest who came by an invitation, without the key, in a
// private window. Roles, chat and reactions on the picture, votes, slow mode.
//
//   node company.mjs http://127.0.0.1:5000/ KEY
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import {
  badges,
  choose,
  confirm,
  dump,
  hears,
  join,
  openPage,
  openRoom,
  press,
  pressOf,
  say,
  until,
} from "./party-pages.mjs";

const [url, key] = process.argv.slice(2);
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  const room = await openRoom(ann, "Film night");
  const address = `${url}?room=${room}#key=${encodeURIComponent(key)}`;
  const bob = (pages.bob = await openPage(await browser.createBrowserContext(), address, "Bob"));
  await join(bob);

  await press(ann, ".invitation-form .primary");
  await until(ann, () => document.querySelector(".invitation-made .share-link").value !== "");
  const link = await ann.$eval(".invitation-made .share-link", (input) => input.value);
  const cyd = (pages.cyd = await openPage(await browser.createBrowserContext(), link, "Cyd"));
  await join(cyd);
  await until(ann, () => document.querySelectorAll(".party-member").length === 3);
  assert.deepEqual(await badges(ann, "Cyd"), ["Guest"]);
  assert.deepEqual(await badges(cyd, "Ann"), ["Owner"]);
  console.log("ok   a guest without the key comes by an invitation");

  const dan = (pages.dan = await openPage(await browser.createBrowserContext(), address, "Dan"));
  await join(dan);
  await say(ann, "hello <b>everybody</b>");
  for (const page of [bob, cyd, dan]) await hears(page, "hello <b>everybody</b>");
  await until(cyd, () => document.querySelector(".danmaku-line")?.textContent === "hello <b>everybody</b>");
  await press(bob, ".reaction-bar .emoji");
  await until(cyd, () => document.querySelector(".reaction-name")?.textContent === "Bob");
  console.log("ok   chat and reactions over the picture");
  await choose(bob, "#language", "zh");
  await until(bob, () => /^\d\d:\d\d$/.test(document.querySelector(".chat-when").textContent));
  await choose(bob, "#language", "en");
  await until(bob, () => /[AP]M$/.test(document.querySelector(".chat-when").textContent));
  console.log("ok   moments in the language of the page");
  for (const words of ["short", "a much longer line, which is faster", "third"]) await say(ann, words);
  await until(cyd, () => document.querySelectorAll(".danmaku-line").length >= 3);
  assert.deepEqual(await overlaps(cyd), []);
  console.log("ok   lines across the picture keep clear of each other");

  // Roles
  await pressOf(ann, "Bob", "Make co-host");
  await until(bob, () => window.roomhub.role === "cohost");
  await pressOf(bob, "Cyd", "Mute");
  await until(cyd, () => document.querySelector(".chat-form input").disabled);
  assert.match(await cyd.$eval(".chat", (chat) => chat.innerText), /You are muted/);
  await pressOf(bob, "Cyd", "Unmute");
  await until(cyd, () => !document.querySelector(".chat-form input").disabled);
  await choose(ann, ".room-settings select", "lecture");
  await until(cyd, () => document.querySelector(".chat-form input").disabled);
  assert.match(await cyd.$eval(".chat", (chat) => chat.innerText), /Only some may write/);
  await choose(ann, ".room-settings select", "open");
  await until(cyd, () => !document.querySelector(".chat-form input").disabled);
  console.log("ok   roles and rights");

  // Votes: four are there, two are half of them
  await pressOf(cyd, "Dan", "Vote to remove");
  await until(
    ann,
    () => document.querySelector(".vote:not([hidden]) .vote-title")?.textContent === "Remove Dan? Cyd asks.",
  );
  assert.ok(await dan.$eval(".vote .is-compact", (button) => button.disabled));
  await press(ann, ".vote .is-compact");
  await until(dan, () => window.roomhub.roomId === null);
  await until(ann, () => document.querySelectorAll(".party-member").length === 3);
  console.log("ok   a vote puts somebody out");

  await choose(ann, ".room-settings .fields label:nth-child(2) select", "10");
  await until(cyd, () => /Slow mode/.test(document.querySelector(".chat").innerText));
  await say(cyd, "one");
  await hears(ann, "one");
  await until(cyd, () => /you can write again in/.test(document.querySelector(".chat").innerText));
  await say(ann, "owners need not wait");
  await say(ann, "at all");
  await hears(cyd, "at all");
  console.log("ok   slow mode");

  await pressOf(ann, "Cyd", "Remove");
  await confirm(ann);
  await until(cyd, () => window.roomhub.roomId === null);
  console.log("ok   an owner removes a guest");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  await browser.close();
}

/** Pairs of lines that lie on each other, now or at any later moment of their way. */
function overlaps(page) {
  return page.evaluate(() => {
    const lines = [...document.querySelectorAll(".danmaku-line")];
    const ways = lines.flatMap((line) => line.getAnimations());
    const found = [];
    for (const way of ways) way.pause();
    const times = ways.map((way) => way.currentTime);
    for (let later = 0; later < 9000; later += 100) {
      ways.forEach((way, n) => (way.currentTime = times[n] + later));
      const boxes = lines.map((line) => line.getBoundingClientRect());
      boxes.forEach((one, n) => {
        for (const other of boxes.slice(n + 1)) {
          const isClear = one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top;
          if (!isClear) found.push([later, lines[n].textContent]);
        }
      });
    }
    ways.forEach((way, n) => (way.currentTime = times[n]));
    for (const way of ways) way.play();
    return found;
  });
}
