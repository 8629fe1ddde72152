// A recording that is as long as the server lets one be, in Chromium: everybody sees that it has ended, its owner why.
//
//   node recording-limit.mjs http://127.0.0.1:3001/ KEY
//
// The server lets a recording have 4096 bytes.
import { chromium } from "./chromium.mjs";
import { choose, dump, join, openPage, openRoom, press, say, until } from "./party-pages.mjs";

const [url, key] = process.argv.slice(2);
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  const room = await openRoom(ann, "Film night");
  const address = `${url}?room=${room}#key=${encodeURIComponent(key)}`;
  const bob = (pages.bob = await openPage(await browser.createBrowserContext(), address, "Bob"));
  await join(bob);
  await choose(ann, ".recording-start input", true);
  await press(ann, ".recording-start button");
  for (const page of [ann, bob]) await until(page, () => document.querySelector(".recording-notice:not([hidden])"));
  for (let n = 0; n < 3; n += 1) await say(ann, String(n).repeat(1900));
  for (const page of [ann, bob]) await until(page, () => document.querySelector(".recording-notice").hidden);
  await until(bob, () => /has ended: it reached a limit/.test(document.querySelector("#status").textContent));
  for (const words of ["#status", ".recordings .complaint"]) {
    await until(ann, (words) => /as long as this server lets one be/.test(document.querySelector(words).textContent), words);
  }
  console.log("ok   all see that the recording has ended, and its owner why");
  await until(ann, () =>
    [...document.querySelectorAll(".recordings .rows button")].some((each) => each.textContent === "Replay"),
  );
  await press(ann, ".recording-start button");
  await until(bob, () => document.querySelector(".recording-notice:not([hidden])"));
  await until(ann, () => document.querySelector(".recordings .complaint").textContent === "");
  console.log("ok   what was recorded is kept, and another recording begins");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  await browser.close();
}
