// The console of the device rooms in Chromium: a browser is a device, another watches.
//
//   node console.mjs http://127.0.0.1:8765/ [--shots folder]
import { join } from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "./chromium.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { shots: { type: "string" } },
});
const url = positionals[0] ?? "http://127.0.0.1:8765/";
const browser = await chromium();
const problems = [];
let nFailures = 0;

function check(what, holds) {
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
  nFailures += holds ? 0 : 1;
}

async function openPage(language, scheme) {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument((tag) => Object.defineProperty(navigator, "language", { get: () => tag }), language);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(url);
  return page;
}

async function shootPhone() {
  const phone = await openPage("en-GB", "dark");
  await phone.setViewport({ width: 390, height: 844, isMobile: true });
  await phone.waitForSelector("#chart rect");
  await phone.screenshot({ path: join(options.shots, "devices-phone.png") });
  await phone.close();
}

try {
  const page = await openPage("en-GB", "light");
  await page.waitForSelector("#rooms .empty");
  const room = await page.evaluate(async (address) => {
    const connect = (first) => new Promise((resolve) => {
      const socket = new WebSocket(address);
      socket.onopen = () => socket.send(JSON.stringify(first));
      socket.onmessage = ({ data }) => {
        const told = JSON.parse(data);
        if (told.type === "room") resolve({ socket, room: told.room_id });
      };
    });
    const lamp = await connect({ device_id: "lamp <1>", identity: "light" });
    const phone = await connect({ device_id: "phone", identity: "mobile_user", room_id: lamp.room });
    window.heard = [];
    lamp.socket.onmessage = ({ data }) => window.heard.push(JSON.parse(data));
    for (const content of ["Good evening", { brightness: 70 }, "<b>no markup</b>"]) {
      phone.socket.send(JSON.stringify({ type: "message", content }));
    }
    return lamp.room;
  }, url.replace("http", "ws"));
  await page.waitForFunction(() => document.querySelectorAll("#rooms .devices li").length === 2);
  check("devices show as they are called", (await page.$eval("#rooms", (rooms) => rooms.textContent)).includes("lamp <1>"));

  await page.type("#send input[name=room]", room.toLowerCase());
  await page.type("#send textarea", "from the console");
  await page.click("#send button");
  await page.waitForFunction(() => window.heard.some((told) => told.content === "from the console"));
  check("the console sends", true);

  await page.waitForFunction(async () => {
    document.querySelector("#filter button").click();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return document.querySelectorAll("#messages tbody tr").length === 4;
  });
  check("what devices say is no markup", (await page.$("#messages b")) === null);
  await page.type("#filter input[name=device]", "console");
  await page.click("#filter button");
  await page.waitForFunction(() => document.querySelectorAll("#messages tbody tr").length === 1);
  check("messages are searched by device", true);
  await page.waitForSelector("#chart svg", { timeout: 20_000 });
  await page.waitForFunction(() => document.querySelector("#chart p").textContent.includes(": 4;"), { timeout: 20_000 });
  check("the chart shows an hour", (await page.$$("#chart rect")).length === 60);

  await page.click("#rooms .devices li:nth-child(1) button");
  await page.waitForSelector("#history tbody tr");
  await page.evaluate(() => scrollTo(0, 0));
  if (options.shots) await page.setViewport({ width: 1280, height: 1000 });
  if (options.shots) await page.screenshot({ path: join(options.shots, "devices-desktop.png") });
  check("a device has a history", (await page.$eval("#detail-title", (title) => title.textContent)) === "lamp <1>");

  const phone = await openPage("zh-CN", "dark");
  await phone.setViewport({ width: 390, height: 844, isMobile: true, deviceScaleFactor: 2 });
  await phone.waitForSelector("#rooms .devices li");
  check("Chinese browsers read Chinese", (await phone.$eval("#messages-title", (title) => title.textContent)) === "消息");
  check("a phone scrolls one way", await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await phone.waitForSelector("#chart svg");
  if (options.shots) await shootPhone();
  await phone.close();

  await page.bringToFront();
  await page.click("#kick");
  await page.waitForFunction(() => document.querySelectorAll("#rooms .devices li").length === 1);
  check("the console lets a device go", true);
  check(`nothing went wrong on the page ${problems}`, problems.length === 0);
} finally {
  await browser.close();
}
process.exit(nFailures ? 1 : 0);
