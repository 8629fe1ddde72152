// A watch room that its owner has made stay: the owner leaves, the server restarts, and the owner comes back as such.
//
//   node permanent-room.mjs http://127.0.0.1:3001/ KEY     # says `restart`, and goes on after a line that says it was done
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { choose, join, openPage, openRoom, press, until } from "./party-pages.mjs";
import { restarted } from "./restarted.mjs";

const [address, key] = process.argv.slice(2);
const browser = await chromium();
try {
  const ann = await openPage(browser, `${address}#key=${encodeURIComponent(key)}`, "Ann");
  const room = await openRoom(ann, "Every Friday");
  await ann.evaluate(() => {
    const label = [...document.querySelectorAll(".room-settings label")].find((each) => each.textContent.includes("Keep the room"));
    label.querySelector("input").id = "stays";
  });
  await choose(ann, "#stays", true);
  await until(ann, () => document.querySelector("#stays").checked);
  await press(ann, "#leave");
  await until(ann, () => !document.querySelector("#entry").hidden);
  await restarted();
  await ann.goto(`${address}?room=${room}`);
  await join(ann);
  await until(ann, () => window.roomhub.role === "owner");
  assert.equal(await ann.evaluate(() => window.roomhub.roomId), room);
  assert.equal(await ann.$eval("#room-name", (name) => name.textContent), "Every Friday");
  console.log("ok   its owner is owner again");
} finally {
  await browser.close();
}
