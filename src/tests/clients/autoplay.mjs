// The music page in a Chromium that lets nothing sound before a tap: the page asks for one, and then is in sync.
//
//   node autoplay.mjs http://127.0.0.1:3000/
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { openUntouched } from "./untouched.mjs";

const [address] = process.argv.slice(2);
const browser = await chromium("--autoplay-policy=document-user-activation-required");
try {
  const ann = await openUntouched(browser, address);
  await ann.evaluate(enter, "Ann", "#create");
  await ann.until("window.roomhub.isPlaying");
  const room = await ann.evaluate(() => location.href);
  const ben = await openUntouched(browser, room);
  await ben.evaluate(enter, "Ben", "#join");
  await ben.until("!document.querySelector('#tap-box').hidden");
  assert.equal(await ben.evaluate(() => document.querySelector("#audio").paused), true);
  console.log("ok   the page asks for a tap");
  const { x, y } = await ben.evaluate(() => {
    const button = document.querySelector("#tap-to-listen");
    button.scrollIntoView({ block: "center", behavior: "instant" });
    return button.getBoundingClientRect().toJSON();
  });
  await ben.page.mouse.click(x + 10, y + 10);
  await ben.until("document.querySelector('#tap-box').hidden && window.roomhub.errorMs !== null && Math.abs(window.roomhub.errorMs) < 50");
  console.log("ok   and is in sync after it");
} finally {
  await browser.close();
}

function enter(name, button) {
  document.querySelector("#name").value = name;
  document.querySelector("#name").dispatchEvent(new Event("input", { bubbles: true }));
  document.querySelector(button).click();
}
