// A headless Chromium that connects to nothing but what it is sent to.
import puppeteer from "puppeteer-core";

export function chromium(...more) {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      // A window behind others goes on as if it were in front.
      "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
      "--autoplay-policy=no-user-gesture-required", ...more,
    ],
  });
}
