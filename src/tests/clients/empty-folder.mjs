// A folder without films: the page of `watch` says what to do, and shows a film that is put there.
//
//   node empty-folder.mjs http://127.0.0.1:3001/ KEY FOLDER
//
// Needs ffmpeg.
import { execFileSync } from "node:child_process";
import { renameSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "./chromium.mjs";
import { dump, openPage, openRoom, until } from "./party-pages.mjs";

const [url, key, folder] = process.argv.slice(2);
const browser = await chromium();
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  await openRoom(ann, "Nothing yet");
  await until(ann, () => document.querySelector("#library-note").textContent.includes("Put some in"));
  console.log("ok   an empty folder says what to do");
  const made = join(folder, "Film.part");
  execFileSync("ffmpeg", ["-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:d=2", "-c:v", "libvpx", "-f", "webm", made]);
  // What was written just now might not be whole.
  utimesSync(made, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
  renameSync(made, join(folder, "Film.webm"));
  await until(ann, () => document.querySelector(".film-tile .film-name")?.textContent === "Film");
  await until(ann, () => document.querySelector("#library-note").hidden);
  console.log("ok   a film that is put there appears");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  await browser.close();
}
