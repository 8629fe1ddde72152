// The five pages under a path of a proxy: each loads all of its files, works, and remembers its language.
//
//   node under-a-path.mjs http://127.0.0.1:8080/
//   node under-a-path.mjs http://127.0.0.1:8080/hub/
//
// The proxy has music at /music/, watch at /watch/, signal at /signal/, devices at /devices/, radio at /radio/.
import { chromium } from "./chromium.mjs";

const url = new URL(process.argv[2]);
/** Where the proxy itself is, if not at the root. */
const above = url.pathname.slice(0, -1);
let nFailures = 0;
const browser = await chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
try {
  await visit("music/", async (page) => {
    await page.type("#name", "Ann");
    await page.click("#create");
    await page.waitForFunction(() => window.roomhub?.isHost && window.roomhub.position() > 0.3);
    const link = await page.$eval("#share-link", (field) => field.value);
    check("its invitation leads to the same path", new URL(link).pathname === `${above}/music/` && page.url() === link);
    await page.reload();
    await page.waitForFunction(() => window.roomhub?.isHost);
    check("a reload leads back into the room", true);
    await page.click("#leave");
    await page.waitForFunction(() => !location.search);
    check("leaving leads to the entry", new URL(page.url()).pathname === `${above}/music/`);
  });
  await visit("watch/#key=open%20sesame%2C%20long%20enough", async (page) => {
    await page.waitForSelector("#entry-form:not([hidden])");
    await page.type("#name", "Ann");
    await page.click("#create");
    await page.waitForFunction(() => window.roomhub?.role === "owner");
    await page.reload();
    await page.waitForFunction(() => window.roomhub?.role === "owner");
    check("a reload leads back into the room", new URL(page.url()).pathname === `${above}/watch/`);
    await page.click("#leave");
    await page.waitForFunction(() => !location.search);
  });
  await visit("watch/admin", async (page) => {
    await page.waitForSelector("#entrance");
    check("its address ends with a slash", new URL(page.url()).pathname === `${above}/watch/admin/`);
  });
  await visit("signal/", async (page) => {
    await page.click("#join");
    await page.waitForFunction(() => document.querySelector("#leave").disabled === false);
    check("it joins a room", true);
  });
  await visit("devices/", (page) => page.waitForSelector("main"));
  for (const path of ["radio/", "radio/web"]) {
    await visit(path, async (page) => {
      await page.waitForFunction(() => document.querySelector(".station .title")?.textContent);
      check("it shows what plays", true);
    });
  }
} finally {
  await browser.close();
}
process.exitCode = nFailures === 0 ? 0 : 1;

async function visit(path, tryIt) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const missing = [];
  page.on("pageerror", (error) => missing.push(error.message));
  page.on("response", (response) => response.status() === 404 && missing.push(response.url()));
  await page.goto(new URL(path, url).href);
  await tryIt(page);
  await page.select("#language", "zh");
  await page.reload();
  await page.waitForFunction(() => document.documentElement.lang === "zh-CN");
  check("a language that was chosen is remembered", true);
  await page.select("#language", "en");
  check(`/${path} has all of its files ${missing.join(" ")}`, missing.length === 0);
  await page.close();
}

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
