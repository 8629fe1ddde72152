// Three windows of the music page in one room: a guest suggests, votes reorder, a co-host steers, a vote skips, one is put
// out; and a private room with a password, into which an invitation leads without it.
//
//   node listening-party.mjs http://127.0.0.1:3000/
//
// Needs puppeteer-core and a Chromium (CHROMIUM, by default /usr/bin/chromium).
import { chromium } from "./chromium.mjs";
import { until } from "./party-pages.mjs";

const url = new URL(process.argv[2]);
/** The sample under other names: what is queued must differ. */
const track = (name) => new URL(`/assets/sample.wav?${name}`, url).href;
let nFailures = 0;
const windows = [];
const browser = await chromium();
try {
  const ann = await open(url, "Ann");
  await ann.click("#create");
  await until(ann, () => window.roomhub.isHost && window.roomhub.position() > 0.3);
  const link = await ann.$eval("#share-link", (field) => field.value);
  const ben = await open(link, "Ben");
  await ben.click("#join");
  const cleo = await open(link, "Cleo");
  await cleo.click("#join");
  await until(ann, () => window.roomhub.members.length === 3);

  // However slow the machine is, no track comes to its end by itself.
  await repeat(ann, "Repeat: all");
  await repeat(ann, "Repeat: this track");
  await suggestions(ann, ben, cleo);
  await company(ann, ben, cleo);
  await order(ann);
  await rights(ann, ben, cleo);
  await privacy(ann);
} catch (problem) {
  for (const page of windows) console.error(await page.evaluate(() => document.body.innerText).catch(() => "gone"));
  throw problem;
} finally {
  await browser.close();
}
process.exitCode = nFailures === 0 ? 0 : 1;

async function suggestions(ann, ben, cleo) {
  await until(ben, () => document.querySelector("#play").disabled && !document.querySelector("#add-form").hidden);
  for (const name of ["one", "two"]) {
    await add(ben, track(name));
    await until(ben, (n) => document.querySelectorAll("#suggestions li").length === n, name === "one" ? 1 : 2);
  }
  await until(ann, () => document.querySelectorAll("#suggestions li").length === 2);
  check("what a guest adds is a suggestion to all", (await titles(cleo, "#suggestions")).length === 2);
  check("a guest cannot approve", (await ben.$("[data-action=approve]")) === null);
  await press(ann, "#suggestions [data-action=approve]");
  await until(cleo, () => document.querySelectorAll("#queue li").length === 1);
  await press(ann, "#suggestions [data-action=approve]");
  await until(cleo, () => document.querySelectorAll("#queue li").length === 2);
  check("approved ones are in the queue, and no suggestions any more", (await titles(ann, "#suggestions")).length === 0);
  check("it tells who they are from", (await ann.$eval("#queue .queue-byline", (line) => line.textContent)).includes("Ben"));

  await press(ann, "#by-votes");
  await until(ann, () => document.querySelector("#by-votes").ariaPressed === "true");
  const second = await ann.$eval("#queue li:nth-child(2) .upvote", (button) => button.dataset.item);
  await press(cleo, `#queue [data-action=vote][data-item="${second}"]`);
  await until(ben, (id) => document.querySelector("#queue .upvote").dataset.item === id, second);
  check("votes reorder the queue", true);
  await press(cleo, `#queue [data-action=vote][data-item="${second}"]`);
  await until(ann, () => [...document.querySelectorAll("#queue .upvote-count")].every((count) => count.textContent === "0"));
  check("a vote can be taken back", true);
  await press(ann, "#by-votes");
}

async function company(ann, ben, cleo) {
  await show(ben, "chat-panel");
  await ben.type(".chat-form input", "Hello from Ben");
  await ben.keyboard.press("Enter");
  await show(ann, "chat-panel");
  await until(ann, () => document.querySelector(".chat-log").textContent.includes("Hello from Ben"));
  check("a message is read by others", true);
  await press(cleo, "#reactions .emoji");
  await ann.waitForSelector("#stage .reaction");
  check("a reaction flies over the stage", true);

  await press(cleo, "#vote-to-skip button");
  await until(ben, () => !document.querySelector("#open-vote").hidden);
  const before = await ann.evaluate(() => window.roomhub.track.id);
  await press(ben, "#open-vote .primary");
  await until(ann, (id) => window.roomhub.track.id !== id, before);
  check("a vote skips the track", true);
}

async function order(ann) {
  for (const name of ["three", "four"]) {
    const n = (await titles(ann, "#queue")).length;
    await add(ann, track(name));
    await until(ann, (expected) => document.querySelectorAll("#queue li").length === expected, n + 1);
  }
  const ids = () => ann.$$eval("#queue [data-action=handle]", (handles) => handles.map((handle) => handle.dataset.item));
  const start = await ids();
  await ann.focus(`#queue [data-item="${start[0]}"][data-action=handle]`);
  await ann.keyboard.press("ArrowDown");
  await until(ann, (id) => window.roomhub.queue[1].entryId === id, start[0]);
  const focused = await ann.evaluate(() => [document.activeElement.dataset.action, document.activeElement.dataset.item]);
  check("an arrow key moves an entry, and the focus goes with it", focused.join() === `handle,${start[0]}`);
  await ann.keyboard.press("End");
  await until(ann, (id) => window.roomhub.queue.at(-1).entryId === id, start[0]);

  const [from, to] = await Promise.all([3, 1].map((place) => middle(ann, `#queue li:nth-child(${place}) .handle`)));
  await ann.mouse.move(from.x, from.y);
  await ann.mouse.down();
  await ann.mouse.move(to.x, to.y - 10, { steps: 8 });
  await ann.mouse.up();
  await until(ann, (id) => window.roomhub.queue[0].entryId === id, start[0]);
  await until(ann, (id) => document.querySelector("#queue .handle").dataset.item === id, start[0]);
  check("a dragged entry is where it was dropped", true);
}

async function rights(ann, ben, cleo) {
  await act(ann, "Ben", "Make co-host");
  await until(ben, () => !document.querySelector("#play").disabled && !document.querySelector("#next").hidden);
  await press(ben, "#play");
  await until(ann, () => !window.roomhub.isPlaying);
  await press(ben, "#play");
  await until(ann, () => window.roomhub.isPlaying);
  check("a co-host plays and pauses for all", true);
  const before = await ann.evaluate(() => window.roomhub.track.id);
  await press(ben, "#next");
  await until(ann, (id) => window.roomhub.track.id !== id, before);
  await press(ben, "#previous");
  await until(ann, (id) => window.roomhub.track.id === id, before);
  check("and goes to the next and the previous track", true);
  await press(ben, "#shuffle");
  await until(ann, () => document.querySelector("#shuffle").ariaPressed === "true");
  check("everybody sees how the queue goes on", true);

  await act(ben, "Cleo", "Remove");
  await press(ben, "dialog.question .primary");
  await until(cleo, () => !document.querySelector("#entry").hidden);
  await until(ann, () => window.roomhub.members.length === 2);
  check("who is put out is at the entry", true);

  await act(ann, "Ben", "Hand the room over");
  await press(ann, "dialog.question .primary");
  await until(ben, () => window.roomhub.isHost);
  await until(ann, () => !window.roomhub.isHost);
  check("the room is handed over", true);
}

async function privacy(ann) {
  await press(ann, "#leave");
  await press(ann, ".create-options summary");
  await press(ann, "#create-private");
  await ann.type("#create-password", "swordfish");
  await press(ann, "#create");
  await until(ann, () => window.roomhub.isHost);
  const listed = await (await fetch(new URL("/rooms", url))).text();
  const roomId = await ann.evaluate(() => window.roomhub.roomId);
  check("a private room is not listed", !listed.includes(roomId));

  const link = await ann.$eval("#share-link", (field) => field.value);
  const dora = await open(link, "Dora");
  await press(dora, "#join");
  await answer(dora, "guppy");
  await until(dora, () => document.querySelector("#password-complaint").textContent !== "");
  await answer(dora, "swordfish");
  await until(dora, (id) => window.roomhub.roomId === id, roomId);
  check("a password is asked for until it is right", true);
  const asked = await dora.evaluate(async () => {
    const { PasswordDialog } = await import("./assets/js/password-dialog.js");
    const passwords = new PasswordDialog();
    const submitted = passwords.ask("a room", false);
    document.querySelector("#password").value = "herring";
    document.querySelector("#password-form").requestSubmit();
    const again = passwords.ask("a room", true);
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    document.querySelector("#password").value = "swordfish";
    document.querySelector("#password-form").requestSubmit();
    return [await submitted, await again];
  });
  check("a password that is refused at once is asked for again", asked.join() === "herring,swordfish");
  await dora.reload();
  await until(dora, (id) => window.roomhub?.roomId === id, roomId);
  check("a reload does not ask again", true);

  await show(ann, "share-panel");
  await press(ann, "#share-panel .invitations .check input");
  await press(ann, "#share-panel .invitation-form .primary");
  await until(ann, () => document.querySelector(".invitation-made input")?.value.includes("invitation="));
  const invitation = await ann.$eval(".invitation-made input", (field) => field.value);
  const emil = await open(invitation, "Emil");
  await press(emil, "#join");
  await until(emil, (id) => window.roomhub.roomId === id, roomId);
  check("an invitation leads in without the password", !(await emil.evaluate(() => location.href)).includes("invitation"));
}

async function open(address, name) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  windows.push(page);
  page.setDefaultTimeout(60_000);
  await page.setViewport({ width: 1280, height: 1000 });
  page.on("pageerror", (error) => check(`no error on ${name}'s page: ${error.message}`, false));
  await page.goto(new URL(address).href);
  await page.type("#name", name);
  return page;
}

async function add(page, address) {
  await page.$eval("#track-url", (field) => (field.value = ""));
  await page.type("#track-url", address);
  await press(page, "#add-track");
}

/** Waits for an element that can be pressed, wherever on the page it is, and presses it. */
function press(page, selector) {
  return onceMore(async () => {
    const found = await page.waitForSelector(selector, { visible: true });
    await found.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await until(page, (element) => !element.disabled, found);
    await found.click();
  });
}

/** Tries again where a list was drawn anew meanwhile, which then has other elements. */
async function onceMore(act) {
  for (let left = 10; ; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (left === 0 || !/detached|not clickable/.test(error.message)) throw error;
    }
  }
}

async function show(page, panel) {
  await press(page, `#${panel}-tab`);
  await page.waitForSelector(`#${panel}`, { visible: true });
}

/** Does to a member what a button behind its name says. */
async function act(page, name, words) {
  await show(page, "people-panel");
  await onceMore(async () => {
    const row = await page.waitForSelector(`::-p-xpath(//li[contains(@class, "party-member")][.//*[text()="${name}"]])`);
    const opener = await row.$(".quiet[aria-expanded=false]");
    await opener?.click();
    await (await row.waitForSelector(`::-p-xpath(.//button[text()="${words}"])`, { visible: true })).click();
  });
}

async function repeat(page, label) {
  await press(page, "#repeat");
  await until(page, (words) => document.querySelector("#repeat").getAttribute("aria-label") === words, label);
}

async function answer(page, password) {
  await page.waitForSelector("#password", { visible: true });
  await page.type("#password", password);
  await page.keyboard.press("Enter");
}

function titles(page, list) {
  return page.$$eval(`${list} .queue-title`, (found) => found.map((title) => title.textContent));
}

async function middle(page, selector) {
  const found = await page.$(selector);
  await found.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const { x, y, width, height } = await found.boundingBox();
  return { x: x + width / 2, y: y + height / 2 };
}

function check(what, holds) {
  if (!holds) nFailures += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}
