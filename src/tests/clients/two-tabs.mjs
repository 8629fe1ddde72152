// The signalling page in Chromium with made-up cameras: two tabs meet, talk over a data channel, and see each other.
//
//   node two-tabs.mjs http://127.0.0.1:5000/ [FOLDER FOR SCREENSHOTS]
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";

const PATIENCE_MS = 60_000;
const [url, folder] = process.argv.slice(2);

// Names of local addresses need multicast, which a machine without a network does not have.
const browser = await chromium(
  "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-features=WebRtcHideLocalIpsWithMdns",
);
try {
  const ann = await tab("ann");
  const bob = await tab("bob <i>");
  for (const page of [ann, bob]) await until(page, () => document.querySelectorAll("#users li button").length === 2);
  assert.equal(await bob.$eval("#users li:nth-child(2)", (item) => item.innerText.replace(/\s+/g, " ")), "B bob <i> You");
  console.log("ok   two tabs see each other");

  // Both at once: the polite one gives way.
  await Promise.all([ann, bob].map((page) => page.$eval("#users li button", (button) => button.click())));
  for (const page of [ann, bob]) await until(page, () => document.querySelector(".peer form:not([hidden])") !== null);
  await ann.$eval(".peer input", (input) => (input.value = "hello over there"));
  await ann.$eval(".peer form button", (button) => button.click());
  await until(bob, () => document.querySelector("#log").textContent.includes('"text":"hello over there"'));
  console.log("ok   a word over the data channel");

  await ann.$eval("#users li button:nth-of-type(2)", (button) => button.click());
  await until(bob, () => (document.querySelector(".peer video")?.videoWidth ?? 0) > 0);
  await until(bob, () => document.querySelector(".peer video").getVideoPlaybackQuality().totalVideoFrames > 10);
  await until(bob, () => document.querySelector(".peer dl").textContent.includes("host udp → "));
  if (folder) {
    await bob.setViewport({ width: 1000, height: 1150 });
    await bob.screenshot({ path: `${folder}/signal-desktop.png` });
    const phone = await tab("小林", "zh-CN");
    await phone.setViewport({ width: 390, height: 844 });
    await phone.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await until(phone, () => document.querySelectorAll("#users li button").length === 4);
    await phone.screenshot({ path: `${folder}/signal-phone.png` });
    await phone.close();
  }
  console.log("ok   frames of the camera");

  await ann.$eval("#leave", (button) => button.click());
  await until(bob, () => document.querySelectorAll("#users li").length === 1 && document.querySelector(".peer") === null);
  console.log("ok   one leaves");
} catch (problem) {
  for (const page of await browser.pages()) {
    console.error(page.url(), await page.evaluate(() => document.querySelector("main")?.innerText ?? ""));
  }
  throw problem;
} finally {
  await browser.close();
}

async function tab(user, language = "en") {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument((language) => Object.defineProperty(navigator, "language", { value: language }), language);
  page.on("pageerror", (error) => assert.fail(error.message));
  await page.setViewport({ width: 1000, height: 900 });
  await page.goto(url);
  await page.$eval("#user", (input, name) => (input.value = name), user);
  await page.$eval("#join", (button) => button.click());
  await until(page, () => document.querySelector("#leave").disabled === false);
  return page;
}

function until(page, condition) {
  return page.waitForFunction(condition, { timeout: PATIENCE_MS, polling: 50 });
}
