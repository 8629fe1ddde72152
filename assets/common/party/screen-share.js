/**
 * A screen that somebody in the room shares: `stage` is where it is seen (the page lays it over its picture), `control`
 * the button by which who may shares the own one.
 *
 * `new ScreenShare({party, connection, servers, changed, complain})`: `changed()` is called when a share begins or ends
 * here, see `isWatching` and `isSharing`. `handlers` are given to the connection; the page calls `follow(state)` with
 * what is on the screen whenever it is told (`party:playhead`). `render()` says all in another language.
 *
 * Wire, as other clients speak it: who shares sends `screen:start {type, status, ownerName, hasAudio, startedAt}` and is
 * told of each `screen:viewer-ready {userId}`; it makes that viewer an offer, the viewer answers. `screen:stop` ends it.
 */

import { button, element, icon, setText } from "../elements.js";
import { fill, say } from "../texts.js";
import { iceServers } from "./ice.js";
import { Peer } from "./peer.js";
import { refusal } from "./refusals.js";

/** Viewers that one browser sends its screen to; its uplink ends before. */
const MOST_VIEWERS = 32;
/** Candidates that wait until the ICE servers are known. */
const MOST_EARLY = 64;
const BODIES = { offer: "offer", answer: "answer", ice: "candidate" };
/** A viewer that has no picture after this long asks for it again (milliseconds). */
const ASKED_AGAIN_MS = 8000;
const WANTED = {
  video: { frameRate: { ideal: 30 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
};

export class ScreenShare {
  #party;
  #connection;
  #servers;
  #changed;
  #complain;
  #stream = null;
  #viewers = new Map();
  #shared = null;
  #source = null;
  #asking = 0;
  #isAnnouncing = false;
  #isAnnounced = false;
  #ice = null;

  #video = element("video", { class: "screen-video", autoplay: true, playsinline: true });
  #words = element("p", { class: "screen-words" });
  #sound = button("", () => this.#soundOn(), { class: "primary", hidden: true });
  stage = element("div", { class: "screen-stage", hidden: true }, this.#video, this.#words, this.#sound);
  #controlWords = element("span");
  control = button("", () => this.#startOrStop(), { class: "outlined" });

  handlers = {
    "screen:start": (state) => this.#begin(state),
    "screen:stop": () => this.#end(),
    "screen:viewer-ready": ({ userId }) => this.#serve(userId),
    "screen:offer": ({ userId, offer }) => this.#hearOffer(userId, offer),
    "screen:answer": ({ userId, answer }) => this.#viewers.get(userId)?.hear("answer", answer ?? {}),
    "screen:ice": ({ userId, candidate }) => this.#hearCandidate(userId, candidate),
  };

  constructor({
    party,
    connection,
    servers = () => iceServers(party.you?.ticket),
    changed = () => {},
    complain = () => {},
  }) {
    this.#party = party;
    this.#connection = connection;
    this.#servers = servers;
    this.#changed = changed;
    this.#complain = complain;
    this.#sound.append(icon("volume"), element("span", { "data-say": "screenSound" }));
    this.control.append(icon("screen"), this.#controlWords);
    this.#video.addEventListener("playing", () => this.#show());
    party.addEventListener("change", () => this.#show());
    party.addEventListener("enter", () => this.#reenter());
    party.addEventListener("kicked", () => this.#leave());
    this.render();
  }

  /** Whether this page sends its screen. */
  get isSharing() {
    return this.#stream !== null;
  }

  /** Whether somebody else's screen is to be seen here. */
  get isWatching() {
    return this.#shared !== null && !this.isSharing;
  }

  /** The element that shows it, for full screen and picture in picture. */
  get video() {
    return this.#video;
  }

  /** What is on the room's screen, as `party:playhead` tells it. */
  follow(state) {
    if (state?.type === "screen" && state.status === "sharing") {
      if (keyOf(state) !== keyOf(this.#shared)) this.#begin(state);
    } else if (this.#shared && !this.#isAnnouncing) {
      this.#end();
    }
  }

  render() {
    fill(this.stage);
    this.#show();
  }

  // Sharing

  #startOrStop() {
    if (this.isSharing) this.#stopSharing();
    else this.#share();
  }

  async #share() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(WANTED);
    } catch {
      return;
    }
    this.#forgetSource();
    this.#stream = stream;
    for (const track of stream.getVideoTracks()) {
      track.contentHint = "motion";
      track.addEventListener("ended", () => this.#stopSharing());
    }
    const answer = await this.#announce();
    // The server tells all, this page too, before it acknowledges it.
    const problem = refusal(answer) ?? (this.#isAnnounced ? null : say("refusal_forbidden"));
    if (problem && this.#stream === stream) {
      this.#letGo();
      this.#complain(problem);
    }
    this.#show();
    this.#changed();
  }

  /** Until the server has answered, what it tells is still of what was on the screen before. */
  async #announce() {
    const { you } = this.#party;
    const ownerName = this.#party.member(you.id)?.name || say("someone");
    const hasAudio = this.#stream.getAudioTracks().length > 0;
    const state = { type: "screen", status: "sharing", ownerName, hasAudio, startedAt: Date.now() };
    this.#shared = state;
    this.#isAnnouncing = true;
    this.#isAnnounced = false;
    const answer = await this.#connection.ask("screen:start", state);
    this.#isAnnouncing = false;
    return answer;
  }

  #stopSharing() {
    if (!this.isSharing) return;
    this.#letGo();
    this.#connection.send("screen:stop", {});
    this.#show();
    this.#changed();
  }

  #letGo() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    for (const peer of this.#viewers.values()) peer.close();
    this.#viewers.clear();
    this.#stream = this.#shared = null;
  }

  /** Makes a viewer an offer; one that asks again gets a new one. */
  async #serve(id) {
    if (!this.isSharing || typeof id !== "string") return;
    this.#viewers.get(id)?.close();
    this.#viewers.delete(id);
    if (this.#viewers.size >= MOST_VIEWERS) return;
    const configuration = await this.#configuration();
    if (!this.isSharing || this.#viewers.has(id)) return;
    const peer = new Peer({ configuration, isPolite: false, send: (kind, body) => this.#send(id, kind, body) });
    this.#viewers.set(id, peer);
    for (const track of this.#stream.getTracks()) peer.add(track, this.#stream);
    peer.addEventListener("state", () => {
      if (["failed", "closed"].includes(peer.state) && this.#viewers.get(id) === peer) {
        peer.close();
        this.#viewers.delete(id);
      }
      this.#show();
    });
  }

  // Watching

  #begin(state) {
    if (this.isSharing && keyOf(state) === keyOf(this.#shared)) {
      this.#isAnnounced = true;
      return;
    }
    // Another share that began just before takes the screen from nobody.
    if (this.#isAnnouncing && !this.#isAnnounced) return;
    if (this.isSharing) this.#letGo();
    this.#forgetSource();
    this.#shared = state;
    this.#askForPicture();
    this.#show();
    this.#changed();
  }

  #end() {
    if (!this.#shared) return;
    if (this.isSharing) this.#letGo();
    this.#shared = null;
    this.#forgetSource();
    this.#show();
    this.#changed();
  }

  #askForPicture() {
    clearTimeout(this.#asking);
    if (!this.isWatching) return;
    this.#connection.send("screen:viewer-ready", {});
    this.#asking = setTimeout(() => this.#source?.peer.state !== "connected" && this.#askForPicture(), ASKED_AGAIN_MS);
  }

  async #hearOffer(id, offer) {
    if (!this.isWatching || !offer || !this.#mayShare(id)) return;
    if (this.#source?.id === id && this.#source.peer.state === "connected") {
      this.#source.peer.hear("offer", offer);
      return;
    }
    this.#forgetSource();
    const source = { id, peer: null, early: [] };
    this.#source = source;
    const configuration = await this.#configuration();
    if (this.#source !== source) return;
    const peer = new Peer({ configuration, isPolite: true, send: (kind, body) => this.#send(id, kind, body) });
    source.peer = peer;
    const stream = new MediaStream();
    peer.addEventListener("track", ({ detail: track }) => {
      stream.addTrack(track);
      this.#video.srcObject = stream;
      this.#play();
    });
    peer.addEventListener("state", () => {
      if (peer.state === "failed" && this.#source === source) this.#askForPicture();
      this.#show();
    });
    peer.hear("offer", offer);
    for (const candidate of source.early) peer.hear("ice", candidate);
  }

  #hearCandidate(id, candidate) {
    const source = this.#source;
    if (!candidate) return;
    if (this.isSharing) this.#viewers.get(id)?.hear("ice", candidate);
    else if (source?.id === id && source.peer) source.peer.hear("ice", candidate);
    else if (source?.id === id && source.early.length < MOST_EARLY) source.early.push(candidate);
  }

  /** The helper of another client's owner is no member; a member needs the right. */
  #mayShare(id) {
    const member = this.#party.member(id);
    return member === null || this.#party.mayMember(member, "share");
  }

  async #play() {
    this.#video.muted = false;
    try {
      await this.#video.play();
    } catch {
      // Sound needs a press first: the picture does not.
      this.#video.muted = true;
      await this.#video.play().catch(() => {});
    }
    this.#show();
  }

  #soundOn() {
    this.#video.muted = false;
    this.#video.play().catch(() => {});
    this.#show();
  }

  #forgetSource() {
    clearTimeout(this.#asking);
    this.#source?.peer?.close();
    this.#source = null;
    this.#video.srcObject = null;
  }

  // Both

  /** A share has ended with its sharer's connection: who still has a screen to share begins anew. */
  #reenter() {
    this.#ice = null;
    for (const peer of this.#viewers.values()) peer.close();
    this.#viewers.clear();
    if (this.isSharing) this.#announce();
    else if (this.#shared) this.#askForPicture();
  }

  #leave() {
    this.#letGo();
    this.#forgetSource();
    this.#show();
    this.#changed();
  }

  #configuration() {
    this.#ice ??= this.#servers().then((servers) => ({ iceServers: servers }));
    return this.#ice;
  }

  #send(id, kind, body) {
    this.#connection.send(`screen:${kind}`, { targetUserId: id, [BODIES[kind]]: body });
  }

  #show() {
    const canShare = Boolean(navigator.mediaDevices?.getDisplayMedia);
    this.control.hidden = !this.#party.you || !(this.isSharing || (canShare && this.#party.may("share")));
    this.control.classList.toggle("danger", this.isSharing);
    setText(this.#controlWords, say(this.isSharing ? "stopSharing" : "shareScreen"));
    this.stage.hidden = !this.isSharing && !this.#shared;
    this.#video.hidden = this.isSharing;
    const hasPicture = this.isWatching && this.#video.videoWidth > 0;
    const watched = () => [...this.#viewers.values()].filter((peer) => peer.state === "connected").length;
    const waiting = this.#shared
      ? `${say("sharesScreen", this.#shared.ownerName || say("someone"))}. ${say("screenLoading")}`
      : "";
    setText(this.#words, this.isSharing ? say("youShare", watched()) : hasPicture ? "" : waiting);
    this.#sound.hidden = !(hasPicture && this.#video.muted && this.#shared.hasAudio !== false);
    this.#video.setAttribute("aria-label", say("sharesScreen", this.#shared?.ownerName || say("someone")));
  }
}

/** What tells one share from another. */
function keyOf(state) {
  return state ? `${state.ownerName}\n${state.startedAt}` : null;
}
