// A watch room that its owner has made stay: the owner leaves, the server restarts, and the owner comes back as such.
//
//   node permanent-room.mjs http://127.0.0.1:3001/ /path/to/roomhub
//
// The server is started there by this script.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joined } from "node:path";

import { chromium } from "./chromium.mjs";
import { choose, join, openPage, openRoom, press, until } from "./party-pages.mjs";

const KEY = "open sesame";
const [address, program] = process.argv.slice(2);
const folder = mkdtempSync(joined(tmpdir(), "roomhub-permanent-"));
const { port } = new URL(address);
let server = await start();
const browser = await chromium();
try {
  const ann = await openPage(browser, `${address}#key=${encodeURIComponent(KEY)}`, "Ann");
  const room = await openRoom(ann, "Every Friday");
  await ann.evaluate(() => {
    const label = [...document.querySelectorAll(".room-settings label")].find((each) => each.textContent.includes("Keep the room"));
    label.querySelector("input").id = "stays";
  });
  await choose(ann, "#stays", true);
  await until(ann, () => document.querySelector("#stays").checked);
  await press(ann, "#leave");
  await until(ann, () => !document.querySelector("#entry").hidden);
  server.kill("SIGTERM");
  await new Promise((resolve) => server.once("exit", resolve));
  server = await start();
  await ann.goto(`${address}?room=${room}`);
  await join(ann);
  await until(ann, () => window.roomhub.role === "owner");
  assert.equal(await ann.evaluate(() => window.roomhub.roomId), room);
  assert.equal(await ann.$eval("#room-name", (name) => name.textContent), "Every Friday");
  console.log("ok   its owner is owner again");
} finally {
  await browser.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

function start() {
  const environment = { ...process.env, AUTH_KEY: KEY, ROOMHUB_ROOMS__DATA_DIR: folder };
  const started = spawn(program, ["watch", "--host", "127.0.0.1", "--port", port], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  for (const output of [started.stdout, started.stderr]) output.on("data", (text) => (told += text));
  return new Promise((resolve, reject) => {
    started.once("close", () => reject(new Error(`the server ended:\n${told}`)));
    const ask = () => fetch(new URL("/livez", address)).then(() => resolve(started), () => setTimeout(ask, 50));
    ask();
  });
}
