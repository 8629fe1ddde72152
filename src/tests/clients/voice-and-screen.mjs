// Windows of one watch room with made-up microphones and a painted screen: who talks is shown, and who shares is seen,
// also where one of the two is another program that knows nothing of pages.
//
//   node voice-and-screen.mjs http://127.0.0.1:5000/ KEY
import assert from "node:assert/strict";

import { chromium } from "./chromium.mjs";
import { choose, dump, join, openPage, openRoom, press, pressOf, until } from "./party-pages.mjs";

const [url, key] = process.argv.slice(2);
// Names of local addresses need multicast, which a machine without a network does not have.
const browser = await chromium(
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
);
const pages = {};
try {
  const ann = (pages.ann = await openPage(browser, `${url}#key=${encodeURIComponent(key)}`, "Ann"));
  const room = await openRoom(ann, "Talk");
  for (const name of ["Bob", "Cyd"]) {
    const page = (pages[name.toLowerCase()] = await openPage(
      await browser.createBrowserContext(),
      roomAddress(room),
      name,
    ));
    await join(page);
  }
  const { bob, cyd } = pages;

  // Both at once, with an open microphone; the third one later, by pushing.
  for (const page of [ann, bob]) await choose(page, ".voice select", "open");
  await Promise.all([ann, bob].map((page) => press(page, ".voice .outlined")));
  await speaks(ann, "Bob");
  await speaks(bob, "Ann");
  await press(cyd, ".voice .outlined");
  await speaks(cyd, "Ann");
  await speaks(cyd, "Bob");
  await cyd.$eval(".voice-talk", (button) => button.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true })));
  await speaks(ann, "Cyd");
  await cyd.$eval(".voice-talk", (button) => button.dispatchEvent(new PointerEvent("pointerup", { bubbles: true })));
  await speaks(ann, "Cyd", false);
  await speaks(ann, "Bob");
  console.log("ok   three talk, and who speaks is shown");

  await until(ann, () => document.querySelectorAll(".member-volume:not([hidden])").length === 2);
  await pressOf(ann, "Bob", "Mute");
  await until(bob, () => document.querySelector(".voice .outlined").disabled);
  await speaks(cyd, "Bob", false);
  await pressOf(ann, "Bob", "Unmute");
  await press(cyd, ".voice .outlined");
  await until(ann, () => document.querySelectorAll(".member-volume:not([hidden])").length === 0);
  console.log("ok   who is muted is not heard, and who leaves is gone");

  // The owner shows its screen, and then, with the right to it, a member does; sound goes along.
  await paints(ann);
  await share(ann);
  for (const page of [bob, cyd]) await sees(page);
  await until(ann, () => /2 people watch/.test(document.querySelector(".screen-words").textContent));
  const late = (pages.dan = await openPage(await browser.createBrowserContext(), roomAddress(room), "Dan"));
  await join(late);
  await sees(late);
  await share(ann);
  for (const page of [bob, cyd, late]) await until(page, () => document.querySelector(".screen-stage").hidden);
  console.log("ok   an owner's screen, also for who comes late");

  await choose(ann, ".room-settings select", "open");
  await until(bob, () =>
    [...document.querySelectorAll("button")].some((each) => each.textContent === "Share your screen" && !each.hidden),
  );
  await paints(bob);
  await share(bob);
  for (const page of [ann, cyd, late]) await sees(page);
  assert.equal(await ann.$eval(".screen-video", (video) => video.srcObject.getAudioTracks().length), 1);
  await bob.close();
  delete pages.bob;
  for (const page of [ann, cyd, late]) await until(page, () => document.querySelector(".screen-stage").hidden);
  console.log("ok   a member's screen, until it goes");

  // Another program as viewer, talker, and owner that shares.
  const other = (pages.other = await otherClient(await browser.createBrowserContext()));
  await other.evaluate((room) => window.client.join(room), room);
  await share(ann);
  await until(other, () => window.client.video.videoWidth === 640);
  await share(ann);
  await press(cyd, ".voice .outlined");
  for (const page of [ann, cyd]) await speaks(page, "Other");
  await until(other, () => window.client.nVoices === 2);
  console.log("ok   another program sees a page's screen, and talks with a page");

  const relayed = (pages.relayed = await otherClient(await browser.createBrowserContext(), false));
  await relayed.evaluate((room) => window.client.join(room, "Relayed"), room);
  await relayed.evaluate(() => window.client.sendChunks());
  await speaks(cyd, "Relayed");
  await relayed.evaluate(() => window.client.endChunks());
  await speaks(cyd, "Relayed", false);
  console.log("ok   a voice that the server relays is heard");

  const theirs = await other.evaluate(() => window.client.create());
  const guest = (pages.guest = await openPage(await browser.createBrowserContext(), roomAddress(theirs), "Eve"));
  await join(guest);
  await other.evaluate(() => window.client.share());
  await sees(guest);
  await other.evaluate(() => window.client.stopSharing());
  await until(guest, () => document.querySelector(".screen-stage").hidden);
  console.log("ok   a page sees another program's screen");
} catch (problem) {
  await dump(pages);
  throw problem;
} finally {
  await browser.close();
}

/** A page that speaks the wire as the client of another server does, and nothing of what is new. */
async function otherClient(context, answersCalls = true) {
  const page = await context.newPage();
  await page.goto(url);
  await page.evaluate(async (key, answersCalls) => {
    const { io } = await import(new URL("assets/common/vendor/socket.io.esm.min.js", location.href).href);
    const socket = io({ path: "/socket.io/", auth: { token: key }, transports: ["websocket"] });
    await new Promise((resolve) => socket.on("connect", resolve));
    const peers = new Map();
    const paint = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 360;
      const pen = canvas.getContext("2d");
      setInterval(() => pen.fillRect(Math.random() * 600, Math.random() * 300, 40, 40), 40);
      return canvas.captureStream(25);
    };
    const peer = (kind, id, taken) => {
      const made = new RTCPeerConnection({});
      peers.get(`${kind} ${id}`)?.close();
      peers.set(`${kind} ${id}`, made);
      made.onicecandidate = ({ candidate }) => candidate && socket.emit(`${kind}:ice`, { targetUserId: id, candidate });
      made.ontrack = taken;
      return made;
    };
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
    const client = (window.client = { video: document.createElement("video"), nVoices: 0, isSharing: false });
    let stream = null;
    client.video.muted = client.video.autoplay = true;
    for (const kind of ["screen", "voice"]) {
      socket.on(`${kind}:answer`, ({ userId, answer }) => peers.get(`${kind} ${userId}`)?.setRemoteDescription(answer));
      socket.on(`${kind}:ice`, ({ userId, candidate }) => peers.get(`${kind} ${userId}`)?.addIceCandidate(candidate));
    }
    socket.on("screen:start", () => client.isSharing || socket.emit("screen:viewer-ready"));
    socket.on("screen:offer", async ({ userId, offer }) => {
      const made = peer("screen", userId, ({ streams }) => {
        client.video.srcObject = streams[0];
      });
      await made.setRemoteDescription(offer);
      await made.setLocalDescription(await made.createAnswer());
      socket.emit("screen:answer", { targetUserId: userId, answer: made.localDescription });
    });
    socket.on("screen:viewer-ready", async ({ userId }) => {
      const made = peer("screen", userId, () => {});
      for (const track of stream.getTracks()) made.addTrack(track, stream);
      await made.setLocalDescription(await made.createOffer());
      socket.emit("screen:offer", { targetUserId: userId, offer: made.localDescription });
    });
    socket.on("voice:offer", async ({ userId, offer }) => {
      if (!answersCalls) return;
      if (offer?.type !== "offer") throw new Error(`an offer that is none: ${offer?.type}`);
      const made = peer("voice", userId, () => (client.nVoices += 1));
      for (const track of microphone.getTracks()) made.addTrack(track, microphone);
      await made.setRemoteDescription(offer);
      await made.setLocalDescription(await made.createAnswer());
      socket.emit("voice:answer", { targetUserId: userId, answer: made.localDescription });
    });
    client.join = (roomId, userName = "Other") => socket.emitWithAck("room:join", { roomId, userName });
    // A tone, as bytes of PCM.
    client.sendChunks = () => {
      const samples = Int16Array.from({ length: 4096 }, (_, n) => 12000 * Math.sin(n / 6));
      const audioData = [...new Uint8Array(samples.buffer)];
      client.chunks = setInterval(() => socket.emit("voice:audio-chunk", { audioData, sampleRate: 16000 }), 256);
    };
    client.endChunks = () => clearInterval(client.chunks);
    client.create = async () => {
      socket.emit("room:leave");
      const room = { name: "Theirs", description: "", isPublic: false, userName: "Other" };
      return (await socket.emitWithAck("room:create", room)).room.id;
    };
    client.share = () => {
      stream = paint();
      client.isSharing = true;
      socket.emit("screen:start", { type: "screen", status: "sharing", ownerName: "Other", startedAt: Date.now() });
    };
    client.stopSharing = () => {
      client.isSharing = false;
      socket.emit("screen:stop");
    };
  }, key, answersCalls);
  page.on("pageerror", (error) => assert.fail(`other: ${error.message}`));
  return page;
}

function roomAddress(room) {
  return `${url}?room=${room}#key=${encodeURIComponent(key)}`;
}

function speaks(page, name, isSpeaking = true) {
  return until(
    page,
    (name, isSpeaking) => {
      const row = [...document.querySelectorAll(".party-member")].find(
        (row) => row.querySelector(".name").textContent === name,
      );
      return row?.classList.contains("is-speaking") === isSpeaking;
    },
    name,
    isSpeaking,
  );
}

/** The screen that `page` shares is a canvas, with a tone. */
function paints(page) {
  return page.evaluate(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 360;
      const pen = canvas.getContext("2d");
      setInterval(() => {
        pen.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
        pen.fillRect(0, 0, 640, 360);
      }, 40);
      const stream = canvas.captureStream(25);
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const out = audio.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      stream.addTrack(out.stream.getAudioTracks()[0]);
      return stream;
    };
  });
}

/** Begins to share the screen, or ends it. */
async function share(page) {
  await page.evaluate(() => {
    const words = ["Share your screen", "Stop sharing"];
    [...document.querySelectorAll("button")].find((each) => words.includes(each.textContent) && !each.hidden).click();
  });
}

function sees(page) {
  return until(page, () => {
    const video = document.querySelector(".screen-video");
    return video.videoWidth === 640 && video.getVideoPlaybackQuality().totalVideoFrames > 5;
  });
}
