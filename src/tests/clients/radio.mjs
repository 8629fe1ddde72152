// The radio page in Chromium: it plays on through a change of rate and channels, and its title changes with the sound.
//
//   node radio.mjs http://127.0.0.1:9999/ [FOLDER FOR SCREENSHOTS]
// The station plays sines whose titles are their pitches, one of them of another rate and channel count.
import assert from "node:assert/strict";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 60_000;
const [url, folder] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
});
try {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector(".station .title")?.textContent, { timeout: PATIENCE_MS });
  await page.click("#play");
  // What is heard is measured twenty times a second beside the title that is shown.
  await page.waitForFunction(() => window.roomhubRadio?.pitch() > 0, { timeout: PATIENCE_MS });
  const seen = await page.evaluate(async (patience) => {
    const seen = [];
    const began = performance.now();
    const changes = () => seen.filter((now, n) => n > 0 && now.title !== seen[n - 1].title).length;
    while (changes() < 3 && performance.now() - began < patience) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const title = Number(document.querySelector("#title").textContent);
      seen.push({ at: performance.now() - began, title, pitch: window.roomhubRadio.pitch(), played: window.roomhubRadio.played() });
    }
    return seen;
  }, PATIENCE_MS);
  const changes = seen.filter((now, n) => n > 0 && now.title !== seen[n - 1].title);
  assert.ok(changes.length >= 3, `${changes.length} changes of title`);
  const isHeard = (now) => Math.abs(now.pitch - now.title) < 120;
  // The title may be early or late by a second; at all other times it is what is heard.
  const wrong = seen.filter((now) => !isHeard(now) && !changes.some((change) => Math.abs(change.at - now.at) <= 1000));
  const steady = seen.filter((now) => changes.every((change) => Math.abs(change.at - now.at) > 1000));
  assert.ok(steady.length > 40, `${steady.length} moments`);
  assert.ok(wrong.length <= steady.length / 20, JSON.stringify(wrong.slice(0, 5)));
  console.log("ok   the title is what is heard, within a second");
  const last = seen.at(-1);
  assert.ok(last.played > (last.at / 1000) * 0.8, `played ${last.played} s in ${last.at} ms`);
  console.log("ok   it plays on through other rates and channels");

  if (folder) {
    const shots = [["radio-desktop", 1100, 760, "light", "en"], ["radio-desktop-dark", 1100, 760, "dark", "en"], ["radio-phone", 390, 760, "dark", "zh"]];
    for (const [name, width, height, scheme, language] of shots) {
      const shot = await browser.newPage();
      await shot.setViewport({ width, height, deviceScaleFactor: 1 });
      await shot.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await shot.evaluateOnNewDocument((language) => Object.defineProperty(navigator, "language", { value: language }), language);
      await shot.goto(url);
      await shot.waitForFunction(() => document.querySelector(".station .title")?.textContent, { timeout: PATIENCE_MS });
      await shot.click("#play");
      await new Promise((resolve) => setTimeout(resolve, 2500));
      await shot.screenshot({ path: `${folder}/${name}.png` });
      await shot.close();
    }
  }
} finally {
  await browser.close();
}
