// The start page: leads to every service, in the reader's language, whatever the path of a proxy.
//
//   node start-page.mjs http://127.0.0.1:8080/
import { chromium } from "./chromium.mjs";

const url = process.argv[2];
let nFailures = 0;
const browser = await chromium();
try {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("response", (response) => ![401, 429].includes(response.status()) && response.status() >= 400 && wrong.push(response.url()));
  await page.goto(url, { waitUntil: "networkidle0" });
  const links = await page.$$eval("#services a", (all) => all.map((each) => each.href));
  const expected = ["music/", "watch/", "signal/", "devices/", "radio/web"].map((path) => new URL(path, url).href);
  check("it has a link to each service", JSON.stringify(links) === JSON.stringify(expected));
  const icons = await page.$$eval("#services img", (all) => all.every((each) => each.naturalWidth > 0));
  check("it shows their icons", icons);
  await page.select("#language", "zh");
  check("it speaks Chinese", (await page.$eval("#services", (list) => list.textContent)).includes("一起听音乐"));
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const isDark = ground.match(/\d+/g).slice(0, 3).every((part) => Number(part) < 64);
    check(`it is ${scheme} where that is wanted`, isDark === (scheme === "dark"));
  }
  for (const link of expected) {
    const answer = await page.goto(link);
    check(`${new URL(link).pathname} is there`, answer.ok());
  }
  check(`nothing is missing ${wrong.join(" ")}`, wrong.length === 0);
} finally {
  await browser.close();
}
process.exitCode = nFailures === 0 ? 0 : 1;

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
