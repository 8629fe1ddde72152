// The page of operators in Chromium: what tests of it do over and over.
const PATIENCE_MS = 60_000;

/** Signs in with a key. */
export async function signIn(page, key) {
  await page.waitForSelector("#entrance:not([hidden])", { timeout: PATIENCE_MS });
  await page.type("#key", key);
  await page.keyboard.press("Enter");
}

/** What is shown anew every two seconds is pressed where it is found. */
export async function press(page, focus) {
  const selector = `[data-focus="${focus}"]`;
  await page.waitForSelector(selector, { timeout: PATIENCE_MS });
  await page.$eval(selector, (button) => button.click());
}
