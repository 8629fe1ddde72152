// Pages whose reader has touched nothing yet, so that a browser lets nothing sound there.
import assert from "node:assert/strict";

const PATIENCE_MS = 60_000;

/** A page that is looked at without what counts as a gesture of its reader, which puppeteer's own evaluation does. */
export async function openUntouched(browser, url) {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(url);
  const session = await page.createCDPSession();
  const run = async (expression) => {
    const asked = { expression, awaitPromise: true, returnByValue: true, userGesture: false };
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", asked);
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return result.value;
  };
  const evaluate = (work, ...values) => run(`(${work})(...${JSON.stringify(values)})`);
  const until = async (condition) => {
    const end = performance.now() + PATIENCE_MS;
    while (!(await run(`Boolean(window.roomhub && (${condition}))`))) {
      assert.ok(performance.now() < end, condition);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await until("document.querySelector('#name').offsetParent");
  return { page, evaluate, until };
}
