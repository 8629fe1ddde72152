// The signalling page on a server that wants tokens: it asks for one, joins with it, and shows it nowhere.
//
//   node token.mjs http://127.0.0.1:5000/ SECRET
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

import { chromium } from "./chromium.mjs";

const PATIENCE_MS = 60_000;
const [url, secret] = process.argv.slice(2);
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = `${part({ alg: "HS256", typ: "JWT" })}.${part({ room: "room1", user: "ann", exp: Date.now() / 1000 + 60 })}`;
const token = `${claims}.${createHmac("sha256", secret).update(claims).digest("base64url")}`;

const browser = await chromium();
try {
  const page = await browser.newPage();
  await page.goto(url);
  await page.$eval("#user", (input) => (input.value = "ann"));
  await page.click("#join");
  await page.waitForFunction(() => document.activeElement.id === "key" && document.activeElement.ariaInvalid === "true", { timeout: PATIENCE_MS });
  console.log("ok   the page asks for a token");
  await page.type("#key", token);
  await page.click("#join");
  await page.waitForFunction(() => document.querySelector("#leave").disabled === false, { timeout: PATIENCE_MS });
  assert.ok(!(await page.$eval("#log", (log) => log.innerText)).includes(token), "the log shows the token");
  console.log("ok   it joins with it, and the log does not show it");
} finally {
  await browser.close();
}
