// A station's HLS in hls.js: every variant plays, and a change of variant moves neither the time nor the sound.
//
//   node hls-variants.mjs http://127.0.0.1:9999/
// The station plays a tone without a pause, at its own bitrate, and at mountpoints of one more of MP3 and two of AAC. hls.js
// changes between variants of one codec by itself, and never to another codec; so does this.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import puppeteer from "puppeteer-core";

const PATIENCE_MS = 90_000;
const [url] = process.argv.slice(2);
const source = await readFile(new URL("../../../assets/common/vendor/hls.min.mjs", import.meta.url), "utf8");

const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
});
try {
  const page = await browser.newPage();
  await page.setBypassCSP(true);
  await page.goto(new URL("streams", url).href);
  const play = (isAac) => page.evaluate(async (source, patience, isAac) => {
    const { default: Hls } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const audio = document.body.appendChild(new Audio());
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
    const hls = new Hls({ enableWorker: false, autoStartLoad: false, liveSyncDurationCount: 2 });
    const errors = [];
    hls.on(Hls.Events.ERROR, (_, data) => errors.push(`${data.fatal ? "fatal " : ""}${data.details} ${data.error?.message ?? ""}`));
    const titles = new Set();
    hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, { samples }) => {
      for (const { data } of samples) {
        const text = new TextDecoder().decode(data);
        for (const [, title] of text.matchAll(/TIT2[^]{6}\x03([^]*?)(?=TPE1|$)/g)) titles.add(title);
      }
    });
    const samples = new Float32Array(2048);
    const heard = [];
    const listen = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const level = Math.max(...samples.map(Math.abs));
      const date = hls.playingDate?.getTime();
      heard.push({ at: performance.now(), time: audio.currentTime, level, date, variant: hls.currentLevel });
    }, 50);
    const until = async (what, is) => {
      const began = performance.now();
      while (!is()) {
        if (performance.now() - began > patience) throw new Error(`${what}: ${JSON.stringify({ errors, last: heard.at(-1) })}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    hls.loadSource(new URL("index.m3u8", location.href).href);
    hls.attachMedia(audio);
    await until("the list", () => hls.levels.length > 0);
    const ofCodec = [...hls.levels.keys()].filter((n) => Boolean(hls.levels[n].audioCodec) === isAac);
    const order = [...ofCodec, ofCodec[0]];
    hls.startLevel = order[0];
    hls.startLoad();
    await audio.play();
    await context.resume();
    for (const variant of order) {
      hls.nextLevel = variant;
      await until(`variant ${variant}`, () => hls.currentLevel === variant);
      const since = audio.currentTime;
      await until(`sound of variant ${variant}`, () => audio.currentTime > since + 1.5);
    }
    clearInterval(listen);
    hls.destroy();
    await context.close();
    return { errors, heard, order, titles: [...titles] };
  }, source, PATIENCE_MS, isAac);
  for (const isAac of [false, true]) {
    const { errors, heard: all, order, titles } = await play(isAac);
    const name = isAac ? "AAC" : "MP3";
    // What is given up for a change, and a wait for the next segment, are none.
    assert.deepEqual(errors.filter((error) => !/^(aborted|bufferStalledError)/.test(error)), [], name);
    assert.deepEqual(titles, ["Eins"], `${name}: titles among the frames`);
    const heard = all.slice(all.findIndex((now) => now.level > 0.1 && now.date));
    assert.equal(new Set(order).size, 2, `${order}`);
    assert.ok(order.every((variant) => heard.some((now) => now.variant === variant)), name);
    // What is heard at a time of the element was on the air at one time of the clock, in every variant.
    const offsets = heard.filter((now) => now.date).map((now) => now.date - now.time * 1000);
    const spread = Math.max(...offsets) - Math.min(...offsets);
    assert.ok(spread < 150, `${name}: ${spread} ms between the clocks of variants`);
    const silent = heard.filter((now) => now.level < 0.05).length;
    assert.ok(silent <= heard.length / 20, `${name}: ${silent} of ${heard.length} moments are silent`);
    console.log(`ok   ${name}: ${order.length - 1} changes, ${spread.toFixed(0)} ms between clocks, ${silent} of ${heard.length} moments silent`);
  }
} finally {
  await browser.close();
}
