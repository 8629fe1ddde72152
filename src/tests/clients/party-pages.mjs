// Pages of `watch` in Chromium: coming in, and what tests of several of them do over and over.
import assert from "node:assert/strict";

export const PATIENCE_MS = 60_000;

/** Opens a page in `context` (a browser or one of its contexts) and fills in its name. */
export async function openPage(context, address, name) {
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(`${name}: ${error.message}`));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(address);
  await until(page, () => document.querySelector("#name")?.offsetParent);
  await page.$eval(
    "#name",
    (input, name) => {
      input.value = name;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    name,
  );
  return page;
}

/** Has `page` open a room, and gives its id. */
export async function openRoom(page, name) {
  await page.$eval("#new-room-name", (input, name) => (input.value = name), name);
  await press(page, "#create");
  await until(page, () => window.roomhub.role === "owner");
  return page.evaluate(() => window.roomhub.roomId);
}

/** Has `page` join the room that its address names. */
export async function join(page) {
  await until(page, () => !document.querySelector("#join").disabled);
  await press(page, "#join");
  await until(page, () => window.roomhub.role !== null);
}

/** Presses what `selector` finds, wherever it is on the page. */
export function press(page, selector) {
  return page.$eval(selector, (button) => button.click());
}

/** Presses a button of the row of the member called `name`. */
export async function pressOf(page, name, words) {
  await until(
    page,
    (name, words) => {
      const row = [...document.querySelectorAll(".party-member")].find(
        (row) => row.querySelector(".name").textContent === name,
      );
      const button = [...(row?.querySelectorAll(".member-buttons button") ?? [])].find(
        (each) => each.textContent === words,
      );
      button?.click();
      return button !== undefined;
    },
    name,
    words,
  );
}

/** Says yes to the question that is open. */
export async function confirm(page) {
  await until(page, () => document.querySelector("dialog.question .primary"));
  await press(page, "dialog.question .primary");
}

/** Says something in the chat. */
export async function say(page, words) {
  await page.$eval(
    ".chat-form input",
    (input, words) => {
      input.value = words;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.form.requestSubmit();
    },
    words,
  );
}

/** Waits until the chat of `page` has it. */
export function hears(page, words) {
  return until(
    page,
    (words) => [...document.querySelectorAll(".chat-words")].some((each) => each.textContent === words),
    words,
  );
}

/** Chooses `value` in a `select`, or ticks a box. */
export function choose(page, selector, value) {
  return page.$eval(
    selector,
    (control, value) => {
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
      control.dispatchEvent(new Event("change", { bubbles: true }));
    },
    value,
  );
}

/** The badges of the member called `name`, as `page` shows them. */
export function badges(page, name) {
  return page.evaluate((name) => {
    const row = [...document.querySelectorAll(".party-member")].find(
      (row) => row.querySelector(".name").textContent === name,
    );
    return row ? [...row.querySelectorAll(".badge")].map((badge) => badge.textContent) : null;
  }, name);
}

export function until(page, condition, ...values) {
  return page.waitForFunction(condition, { timeout: PATIENCE_MS, polling: 50 }, ...values);
}

/** What each page shows, for the reader of a test that failed. */
export async function dump(pages) {
  for (const [name, page] of Object.entries(pages)) {
    const shown = () => [
      document.querySelector("main:not([hidden])")?.innerText,
      document.querySelector("#status")?.textContent,
    ];
    console.error(name, page.url(), await page.evaluate(shown).catch(() => "gone"));
  }
}
