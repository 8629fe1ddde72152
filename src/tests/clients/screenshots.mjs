// Takes the pictures of the pages of `watch` and `music` that the documentation shows.
//
//   node screenshots.mjs /path/to/roomhub ../../../docs/screenshots
//
// Needs ffmpeg; the servers, their films and their music are made here.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joined } from "node:path";

import { chromium } from "./chromium.mjs";
import { choose, hears, join, openPage, openRoom, press, say, until } from "./party-pages.mjs";

const [program, pictures] = process.argv.slice(2);
const folder = mkdtempSync(joined(tmpdir(), "roomhub-screenshots-"));
const KEY = "a key for pictures only";
const browser = await chromium();
try {
  await watch(await serve("watch", 31_001, films(), { AUTH_KEY: KEY }));
  await music(await serve("music", 31_000, songs(), { ROOMHUB_MUSIC__MAX_UPLOAD_BYTES: "50000000" }));
} finally {
  await browser.close();
  for (const server of serve.running) server.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function watch(address) {
  const ann = await somebody(`${address}#key=${encodeURIComponent(KEY)}`, "Ann");
  await picture(ann, "watch-entry", 1280, 800);
  await openRoom(ann, "Friday films");
  await press(ann, ".invitation-form .primary");
  await until(ann, () => document.querySelector(".invitation-made .share-link").value !== "");
  const link = await ann.$eval(".invitation-made .share-link", (input) => input.value);
  const guests = [];
  for (const name of ["Benedikt", "小林"]) {
    guests.push(await somebody(link, name));
    await join(guests.at(-1));
  }
  const [benedikt, lin] = guests;
  await chinese(lin);
  await ann.setViewport({ width: 1280, height: 1300 });
  await ann.bringToFront();
  await until(ann, () => document.querySelectorAll(".film-tile img").length === 4);
  await until(ann, () => [...document.querySelectorAll(".film-tile img")].every((poster) => poster.naturalWidth > 0));
  await press(ann, ".film-tile");
  await until(ann, () => !document.querySelector("#play").disabled);
  await press(ann, "#play");
  const pages = [ann, benedikt, lin];
  for (const page of pages) {
    await until(page, () => document.querySelector("#subtitle-choice").options.length === 2);
    await page.evaluate(() => (document.querySelector("#subtitle-choice").selectedIndex = 1));
    await page.$eval("#subtitle-choice", (select) => select.dispatchEvent(new Event("change", { bubbles: true })));
  }
  for (const [page, words] of [[ann, "Is everybody comfortable?"], [benedikt, "Popcorn is ready 🍿"], [lin, "开始吧"]]) {
    await said(page, words, pages);
  }
  await until(ann, () => document.querySelector("#video").currentTime > 12 && !document.querySelector("#subtitle").hidden);
  await said(benedikt, "What a colour", pages);
  await said(lin, "Look at the sky", pages);
  await until(ann, () => document.querySelector("#video").currentTime > 15);
  await picture(ann, "watch-desktop", 1280, 1225);
  await said(benedikt, "There it goes", pages);
  await until(ann, () => document.querySelector("#video").currentTime > 22);
  await dark(ann, true);
  await picture(ann, "watch-dark", 1280, 1225);
  await dark(ann, false);
  await dark(lin, true);
  await picture(lin, "watch-phone", 390, 844);
  await press(benedikt, "#full-screen");
  await said(ann, "Here comes the night", pages);
  await until(benedikt, () => document.fullscreenElement);
  await picture(benedikt, "watch-full-screen", 1280, 800);
}

async function music(address) {
  const ann = await somebody(address, "Ann");
  await press(ann, "#create");
  await until(ann, () => window.roomhub.isHost);
  const link = await ann.$eval("#share-link", (field) => field.value);
  const guests = [];
  for (const name of ["Benedikt", "小林"]) {
    guests.push(await somebody(link, name));
    await press(guests.at(-1), "#join");
  }
  const [benedikt, lin] = guests;
  const pages = [ann, benedikt, lin];
  await chinese(lin);
  await until(ann, () => window.roomhub.members.length === 3);
  await ann.evaluate(() => document.querySelector("#chat-panel-tab").click());
  await press(ann, "#repeat");
  await press(ann, "#open-library");
  await until(ann, () => document.querySelectorAll(".library-item img").length === 6);
  for (const [n, title] of ["Harbour lights", "Gymnopédie No. 1", "Moonlight over the river", "Copper and pine"].entries()) {
    await add(ann, title);
    await until(ann, (n) => window.roomhub.queue.length === n, n + 1);
  }
  await picture(ann, "music-library", 1280, 900);
  await press(ann, "dialog.library menu > :last-child");
  await press(ann, "#next");
  await until(ann, () => window.roomhub.track.title === "Harbour lights");
  await press(ann, "#queue li:last-child [data-action=remove]");
  await until(ann, () => window.roomhub.queue.length === 3);
  await press(benedikt, "#open-library");
  for (const [n, title] of ["Wide awake", "Seven bridges"].entries()) {
    await add(benedikt, title);
    await until(ann, (n) => document.querySelectorAll("#suggestions li").length === n, n + 1);
  }
  await press(benedikt, "dialog.library menu > :last-child");
  const wanted = "#queue li:nth-child(2) .upvote";
  for (const page of [benedikt, lin]) await press(page, wanted);
  await press(lin, "#suggestions li:first-child .upvote");
  for (const [page, words] of [
    [benedikt, "Evening, all"], [ann, "Hello! Pull up a chair"], [lin, "这首歌真好听"],
    [benedikt, "The bridge at 1:10 gets me every time"], [ann, "🔥"], [benedikt, "Could we have Seven bridges next?"],
  ]) await said(page, words, pages);
  await until(ann, () => window.roomhub.position() > 12 && document.querySelector("#sync").dataset.state === "inSync");
  await ann.bringToFront();
  await press(lin, "#reactions button:last-of-type");
  await press(benedikt, "#reactions button");
  await until(ann, () => document.querySelectorAll("#stage .reaction").length === 2);
  await until(ann, () => document.querySelector("#stage .reaction").getAnimations().some(({ currentTime }) => currentTime > 900));
  await picture(ann, "music-desktop", 1280, 1290);
  await dark(lin, true);
  await lin.evaluate(() => document.querySelector("#lyrics-panel-tab").click());
  await until(lin, () => document.querySelector("#lyrics [aria-current]"));
  await picture(lin, "music-phone", 390, 1180);
}

/** Adds a track of the library's dialog, which is open. */
async function add(page, title) {
  await until(page, (title) => {
    const item = [...document.querySelectorAll(".library-item")].find((item) => item.textContent.includes(title));
    item?.querySelector("button").click();
    return item;
  }, title);
}

async function somebody(address, name) {
  return openPage(await browser.createBrowserContext(), address, name);
}

async function said(page, words, readers) {
  await say(page, words);
  for (const reader of readers) await hears(reader, words);
}

function dark(page, is) {
  return page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: is ? "dark" : "light" }]);
}

function chinese(page) {
  return choose(page, "#language", "zh");
}

async function picture(page, name, width, height) {
  await page.setViewport({ width, height });
  await page.bringToFront();
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.evaluate(() => {
    const changes = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    return Promise.all(changes.map((change) => change.finished)).then(() => null);
  });
  await page.screenshot({ path: joined(pictures, `${name}.png`) });
}

async function serve(service, port, media, more = {}) {
  const environment = { ...process.env, ROOMHUB_ROOMS__PERSIST: "false", ROOMHUB_ROOMS__DATA_DIR: joined(folder, "data"), ...more };
  const started = spawn(program, [service, "--host", "127.0.0.1", "--port", port, "--media-dir", media], { env: environment, stdio: "ignore" });
  (serve.running ??= []).push(started);
  const address = `http://127.0.0.1:${port}/`;
  while (!(await fetch(`${address}livez`).catch(() => null))) await new Promise((asked) => setTimeout(asked, 50));
  return address;
}

/** Films of moving light, with subtitles beside the first. */
function films() {
  const made = joined(folder, "films");
  mkdirSync(made);
  const colours = {
    "A walk at dusk": "c0=0x061e2c:c1=0xd2703c:c2=0xf5c98a:c3=0x0d4f4b",
    "Northern ferry": "c0=0x0b2545:c1=0x8da9c4:c2=0xeef4ed:c3=0x134074",
    "Orchard": "c0=0x283618:c1=0x606c38:c2=0xfefae0:c3=0xbc6c25",
    "Three rooms": "c0=0x2b2d42:c1=0x8d99ae:c2=0xef233c:c3=0xedf2f4",
  };
  for (const [n, [title, palette]] of Object.entries(colours).entries()) {
    const gradient = `gradients=s=640x360:r=10:d=${90 + n * 47}:nb_colors=4:${palette}:seed=${n + 4}:speed=0.004`;
    ffmpeg(["-f", "lavfi", "-i", gradient, "-f", "lavfi", "-i", "sine=220:d=90", "-af", "volume=0.02", "-c:v", "libx264",
      "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", joined(made, `${title}.mp4`)]);
  }
  const lines = ["The light goes first from the water.", "Then from the walls along the quay.", "Last from the hill behind us."];
  const cues = lines.map((line, n) => `${n + 1}\n00:00:${n * 19 + 1},000 --> 00:00:${n * 19 + 19},000\n${line}\n`);
  writeFileSync(joined(made, "A walk at dusk.en.srt"), cues.join("\n").replaceAll(/:(\d),/g, ":0$1,"));
  return aged(made);
}

/** Songs with covers; the first has lyrics. */
function songs() {
  const made = joined(folder, "songs");
  mkdirSync(made);
  const titles = [
    ["Harbour lights", "The Tidewater Four", "c0=0x13233a:c1=0xf2c58b:c2=0x0d1b2a:c3=0x415a77"],
    ["Gymnopédie No. 1", "Erik Satie", "c0=0xe9d8a6:c1=0x94d2bd:c2=0x0a9396:c3=0x005f73"],
    ["Moonlight over the river", "Lin Yue", "c0=0x03071e:c1=0x3c096c:c2=0xc8b6ff:c3=0x10002b"],
    ["Copper and pine", "The Tidewater Four", "c0=0xbb3e03:c1=0xca6702:c2=0x344e41:c3=0x588157"],
    ["Wide awake", "Mara Quill", "c0=0xffb703:c1=0xfb8500:c2=0x8ecae6:c3=0x219ebc"],
    ["Seven bridges", "Oda Lind", "c0=0x6d6875:c1=0xb5838d:c2=0xe5989b:c3=0xffcdb2"],
  ];
  for (const [n, [title, artist, palette]] of titles.entries()) {
    const cover = joined(made, `${title}.jpg`);
    ffmpeg(["-f", "lavfi", "-i", `gradients=s=600x600:nb_colors=4:${palette}:seed=${n + 11}`, "-frames:v", "1", cover]);
    ffmpeg(["-f", "lavfi", "-i", `sine=${180 + n * 30}:d=${214 + n * 13}`, "-af", "volume=0.02", "-b:a", "64k",
      "-metadata", `title=${title}`, "-metadata", `artist=${artist}`, joined(made, `${title}.mp3`)]);
  }
  const lyrics = ["Lamps along the water", "Count the boats that stay", "One for every window", "None that sailed away", "Harbour lights, hold steady",
    "Harbour lights, burn low"];
  writeFileSync(joined(made, "Harbour lights.lrc"), lyrics.map((line, n) => `[00:${String(n * 9 + 1).padStart(2, "0")}.00]${line}`).join("\n"));
  return aged(made);
}

/** Makes files an hour old: what was written just now might not be whole, and is not listed yet. */
function aged(made) {
  const then = Date.now() / 1000 - 3600;
  for (const file of readdirSync(made)) utimesSync(joined(made, file), then, then);
  return made;
}

function ffmpeg(args) {
  execFileSync("ffmpeg", ["-loglevel", "error", ...args]);
}
