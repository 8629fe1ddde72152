// Requests and votes on the radio page in Chromium, from two windows of two persons.
//
//   node radio-requests.mjs http://127.0.0.1:9999/ ADMIN-KEY [FOLDER FOR SCREENSHOTS]
// The station /jazz plays Alpha, Beta, Gamma and Zeta<img>, and believes its clients whom they speak for.
import assert from "node:assert/strict";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 60_000;
const [url, key, folder] = process.argv.slice(2);

const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function open(person) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 1000 });
  await page.setExtraHTTPHeaders({ "X-Forwarded-For": person });
  await page.goto(new URL("web", url));
  await page.waitForSelector("#requests:not([hidden])", { timeout: PATIENCE_MS });
  return page;
}

async function find(page, words, title) {
  await page.bringToFront();
  await page.$eval("#request-query", (field) => (field.value = ""));
  await page.type("#request-query", words);
  await page.waitForFunction(
    (title) => document.querySelector("#request-results li strong")?.textContent === title,
    { timeout: PATIENCE_MS },
    title,
  );
}

/// Waits until the list says this: titles with their votes.
async function lists(page, expected) {
  await page.waitForFunction(
    (expected) => {
      const rows = [...document.querySelectorAll("#requested li")];
      const text = rows.map((row) => `${row.querySelector("strong").textContent} ${row.querySelector(".votes").textContent}`);
      return text.join(", ") === expected;
    },
    { timeout: PATIENCE_MS, polling: 100 },
    expected,
  );
}

async function says(page, text) {
  await page.waitForFunction((text) => document.querySelector("#status").textContent === text, { timeout: PATIENCE_MS }, text);
}

async function skip() {
  const headers = { Authorization: `Bearer ${key}` };
  assert.equal((await fetch(new URL("next-track/jazz", url), { method: "POST", headers })).status, 200);
}

async function plays(page, title) {
  await page.waitForFunction(
    (title) => document.querySelector(".station .title").textContent === title,
    { timeout: PATIENCE_MS, polling: 100 },
    title,
  );
}

try {
  const [ann, bob] = [await open("192.0.2.1"), await open("192.0.2.2")];
  await find(ann, "zet", "Zeta<img>");
  await ann.keyboard.press("Tab");
  const focused = await ann.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.equal(focused, "Request Zeta<img>");
  await ann.keyboard.press("Enter");
  await says(ann, "Requested: Zeta<img>");
  await lists(ann, "Zeta<img> 1 vote");
  await lists(bob, "Zeta<img> 1 vote");
  assert.equal(await bob.$$eval("#requests img", (images) => images.length), 0);
  console.log("ok   a request by the keyboard is seen in the other window, and markup in its title is text");

  await find(bob, "gamma", "Gamma");
  await bob.click("#request-results button");
  await lists(ann, "Zeta<img> 1 vote, Gamma 1 vote");
  await ann.bringToFront();
  await ann.click('#requested button[aria-label="Vote for Gamma"]');
  await says(ann, "Voted: Gamma");
  await lists(ann, "Gamma 2 votes, Zeta<img> 1 vote");
  await lists(bob, "Gamma 2 votes, Zeta<img> 1 vote");
  assert.equal(await ann.$$eval('#requested button[aria-pressed="true"]', (voted) => voted.length), 2);
  console.log("ok   a vote moves a request to the front in both windows");

  await find(bob, "beta", "Beta");
  await bob.click("#request-results button");
  await bob.waitForFunction(() => /^You have asked for a track just now\. Try again in \d+:\d+\.$/.test(document.querySelector("#status").textContent), { timeout: PATIENCE_MS });
  await find(bob, "alpha", "Alpha");
  assert.match(await bob.$eval("#request-results li", (row) => row.innerText), /played lately/);
  console.log("ok   what is not taken is said with the reason");

  if (folder) await photograph();
  await skip();
  await plays(bob, "Gamma");
  await skip();
  await plays(bob, "Zeta<img>");
  await bob.waitForSelector("#no-requests:not([hidden])", { timeout: PATIENCE_MS });
  console.log("ok   what was asked for plays, by votes");
} finally {
  await browser.close();
}

async function photograph() {
  const shots = [["requests-desktop", 1100, 900, "light", "en"], ["requests-dark", 1100, 900, "dark", "en"], ["requests-phone", 390, 1100, "dark", "zh"]];
  for (const [name, width, height, scheme, language] of shots) {
    const page = await browser.newPage();
    await page.setExtraHTTPHeaders({ "X-Forwarded-For": "192.0.2.3" });
    await page.setViewport({ width, height, deviceScaleFactor: 1 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.evaluateOnNewDocument((language) => Object.defineProperty(navigator, "language", { value: language }), language);
    await page.goto(new URL("web", url));
    await page.waitForSelector("#requested li", { timeout: PATIENCE_MS });
    await page.type("#request-query", "a");
    await page.waitForSelector("#request-results li", { timeout: PATIENCE_MS });
    await page.evaluate(() => document.querySelector("#requests").scrollIntoView());
    await page.screenshot({ path: `${folder}/${name}.png` });
    await page.close();
  }
}
