// Takes the pictures of the pages of `watch`, `music` and `radio` that the documentation shows, or of some of these services.
//
//   node screenshots.mjs /path/to/roomhub ../../../docs/screenshots [watch] [music] [radio]
//
// Needs ffmpeg; the servers, their films and their music are made here.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joined } from "node:path";

import { chromium } from "./chromium.mjs";
import { choose, hears, join, openPage, openRoom, press, say, until } from "./party-pages.mjs";

const [program, pictures, ...chosen] = process.argv.slice(2);
const folder = mkdtempSync(joined(tmpdir(), "roomhub-screenshots-"));
const KEY = "a key for pictures only";
/** Titles, artists and the colours of covers. */
const SONGS = [
  ["Harbour lights", "The Tidewater Four", "c0=0x13233a:c1=0xf2c58b:c2=0x0d1b2a:c3=0x415a77"],
  ["Gymnopédie No. 1", "Erik Satie", "c0=0xe9d8a6:c1=0x94d2bd:c2=0x0a9396:c3=0x005f73"],
  ["Moonlight over the river", "Lin Yue", "c0=0x03071e:c1=0x3c096c:c2=0xc8b6ff:c3=0x10002b"],
  ["Copper and pine", "The Tidewater Four", "c0=0xbb3e03:c1=0xca6702:c2=0x344e41:c3=0x588157"],
  ["Wide awake", "Mara Quill", "c0=0xffb703:c1=0xfb8500:c2=0x8ecae6:c3=0x219ebc"],
  ["Seven bridges", "Oda Lind", "c0=0x6d6875:c1=0xb5838d:c2=0xe5989b:c3=0xffcdb2"],
];
const browser = await chromium();
try {
  const isWanted = (service) => chosen.length === 0 || chosen.includes(service);
  if (isWanted("watch")) await watch(await serve("watch", 31_001, ["--media-dir", films()], { AUTH_KEY: KEY }));
  if (isWanted("music")) {
    const uploads = { ROOMHUB_MUSIC__MAX_UPLOAD_BYTES: "50000000" };
    await music(await serve("music", 31_000, ["--media-dir", songs()], uploads));
  }
  if (isWanted("radio")) await radio(await serve("radio", 31_999, ["--config", stations()]));
} finally {
  await browser.close();
  for (const server of serve.running ?? []) server.kill();
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

async function radio(address) {
  broadcast(address, "studio", "Morning show");
  const told = async (path) => (await fetch(`${address}${path}`)).json();
  const now = (route) => told(`now-playing?route=/${route}`);
  const shownBy = async (test) => {
    while (!(await test())) await new Promise((asked) => setTimeout(asked, 100));
  };
  await shownBy(async () => (await now("studio")).source === "live" && (await now("harbour")).title);
  for (const [n, title] of SONGS.map(([title]) => title).sort().slice(0, 3).entries()) {
    const headers = { authorization: `Bearer ${KEY}` };
    await shownBy(async () => (await now("harbour")).title === title);
    if (n < 2) await fetch(`${address}next-track/harbour`, { method: "POST", headers });
  }
  const send = (path, body, person) =>
    fetch(`${address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": `192.0.2.${person}` },
      body: JSON.stringify({ route: "/harbour", ...body }),
    });
  for (const [person, title] of ["Seven bridges", "Wide awake"].entries()) {
    const [found] = (await told(`requests/search?route=/harbour&q=${encodeURIComponent(title)}`)).tracks;
    const { id } = await (await send("requests", { track: found.track }, person + 1)).json();
    for (const other of [3, 4, 5].slice(person * 2)) await send("requests/vote", { id }, other);
  }
  const directory = await browser.newPage();
  await directory.setViewport({ width: 1100, height: 700 });
  await directory.goto(`${address}web#/harbour`);
  await until(directory, () => document.querySelectorAll(".station").length === 3);
  await press(directory, "#play");
  await heard(directory);
  await picture(directory, "radio-desktop", 1100, 1200);
  await chinese(directory);
  await picture(directory, "radio-phone", 390, 844);
  await choose(directory, "#language", "en");
  await directory.close();

  const station = await browser.newPage();
  await station.goto(`${address}web/harbour`);
  await until(station, () => document.querySelectorAll("#requested li").length === 2);
  await press(station, "#play");
  await heard(station);
  await picture(station, "radio-station", 1100, 1290);
}

/** Waits until a page of `radio` has played for some seconds, and shows the cover. */
async function heard(page) {
  await until(page, () => window.roomhubRadio?.played() > 6);
  await until(page, () => [...document.querySelectorAll("img:not([hidden])")].every((image) => image.complete));
}

/** Broadcasts noise to a station, as a live source. */
function broadcast(address, mount, title) {
  const { host } = new URL(address);
  const url = `icecast://source:${encodeURIComponent(KEY)}@${host}/${mount}`;
  const args = ["-loglevel", "error", "-re", "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.3:sample_rate=44100", "-ac", "2",
    "-b:a", "64k", "-content_type", "audio/mpeg", "-ice_name", title, "-f", "mp3", url];
  (serve.running ??= []).push(spawn("ffmpeg", args, { stdio: "ignore" }));
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

async function serve(service, port, flags, more = {}) {
  const data = joined(folder, "data");
  const environment = { ...process.env, ROOMHUB_ROOMS__PERSIST: "false", ROOMHUB_ROOMS__DATA_DIR: data, ROOMHUB_RADIO__DATA_DIR: data, ...more };
  const started = spawn(program, [service, "--host", "127.0.0.1", "--port", port, ...flags], { env: environment, stdio: "ignore" });
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
  for (const [n, [title, artist, palette]] of SONGS.entries()) {
    drawCover(joined(made, `${title}.jpg`), palette, n);
    ffmpeg(["-f", "lavfi", "-i", `sine=${180 + n * 30}:d=${214 + n * 13}`, "-af", "volume=0.02", "-b:a", "64k",
      "-metadata", `title=${title}`, "-metadata", `artist=${artist}`, joined(made, `${title}.mp3`)]);
  }
  const lyrics = ["Lamps along the water", "Count the boats that stay", "One for every window", "None that sailed away", "Harbour lights, hold steady",
    "Harbour lights, burn low"];
  writeFileSync(joined(made, "Harbour lights.lrc"), lyrics.map((line, n) => `[00:${String(n * 9 + 1).padStart(2, "0")}.00]${line}`).join("\n"));
  return aged(made);
}

/** Draws a cover of four colours. */
function drawCover(path, palette, n) {
  ffmpeg(["-f", "lavfi", "-i", `gradients=s=600x600:nb_colors=4:${palette}:seed=${n + 11}`, "-frames:v", "1", path]);
}

/** The configuration of three stations, whose tracks have their covers in their tags. */
function stations() {
  const albums = ["Low water", "Trois Gymnopédies", "Ten lanterns", "Low water", "Early bus", "North and south"];
  const [harbour, night] = ["harbour", "night"].map((name) => joined(folder, name));
  for (const made of [harbour, night]) mkdirSync(made);
  for (const [n, [title, artist, palette]] of SONGS.entries()) {
    const cover = joined(folder, `${n}.jpg`);
    drawCover(cover, palette, n);
    const tags = Object.entries({ title, artist, album: albums[n], date: 1998 + n * 4 });
    const song = joined(harbour, `${title}.mp3`);
    ffmpeg(["-f", "lavfi", "-i", `anoisesrc=color=pink:amplitude=0.3:sample_rate=44100:seed=${n}:d=${194 + n * 13}`, "-i", cover,
      "-map", "0", "-map", "1", "-c:v", "copy", "-b:a", "64k", ...tags.flatMap(([name, value]) => ["-metadata", `${name}=${value}`]), song]);
    copyFileSync(song, joined(night, `${title}.mp3`));
  }
  for (const made of [harbour, night]) aged(made);
  const path = joined(folder, "radio.toml");
  writeFileSync(path, `
    [network]
    trusted_proxies = ["127.0.0.1"]

    [radio]
    admin_key = "${KEY}"
    source_password = "${KEY}"
    order = "name"

    [[radio.stations]]
    route = "/harbour"
    name = "Harbour Radio"
    description = "Songs from both sides of the water"
    genre = "folk"
    language = "en"
    folders = ["${harbour}"]
    requests = { enabled = true }

    ${[["Night ferry", "00:00-06:00"], ["First light", "06:00-12:00"], ["Low tide", "12:00-18:00"], ["Lamps on the quay", "18:00-24:00"]]
      .map(([name, times]) => `
    [[radio.stations.schedule]]
    name = "${name}"
    times = "${times}"
    folder = "${harbour}"
    order = "name"
    requests = true
`).join("")}
    [[radio.stations]]
    route = "/night"
    name = "Nachtmusik"
    description = "Leise, bis zum Morgen"
    genre = "classical"
    language = "de"
    folders = ["${night}"]
    order = "shuffle"

    [[radio.stations]]
    route = "/studio"
    name = "Studio 7"
    description = "Talk and news from the old town"
    genre = "talk"
    language = "en"
    folders = ["${night}"]
  `);
  return path;
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
