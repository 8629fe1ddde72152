/**
 * The voice chat: a mesh, each browser connected to each other one that is in it. No elements; `VoiceBar` shows it.
 *
 * `new Voice({party, connection, servers})`: `servers()` gives the ICE servers, by default the service's own for the
 * ticket of the page. `handlers` are given to the connection. Events: `change`, and `speaking` with `{id, isSpeaking}`.
 *
 * Wire: `voice:offer|answer|ice {targetUserId, offer|answer|candidate}`. Pages tell each other by offers that are none
 * that they are in it (`{type: "hello"}`, with `isReply`) or no longer (`{type: "bye"}`); of two, the one whose id comes
 * last makes the offer. Clients that are no pages get offers at once; where WebRTC fails them, they send
 * `voice:audio-chunk`, which is played.
 */

import { iceServers } from "./ice.js";
import { Peer } from "./peer.js";
import { RelayedVoices } from "./relayed-voices.js";
import { Speech } from "./speech.js";

/** The most peers in the voice mesh: with more, uplinks are not enough. */
const MOST_PEERS = 24;
const BODIES = { offer: "offer", answer: "answer", ice: "candidate" };
const MICROPHONE = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };

export class Voice extends EventTarget {
  #party;
  #connection;
  #servers;
  #isJoined = false;
  #isOpen = false;
  #stream = null;
  #configuration = null;
  #peers = new Map();
  #relayed = new RelayedVoices();
  #others = new Set();
  #volumes = new Map();
  #greeted = new Set();
  #speech = new Speech((id, isSpeaking) => this.#tell("speaking", { id, isSpeaking }));

  handlers = {
    "voice:offer": ({ userId, offer }) => this.#hearOffer(userId, offer),
    "voice:answer": ({ userId, answer }) => this.#peers.get(userId)?.peer.hear("answer", answer ?? {}),
    "voice:ice": ({ userId, candidate }) => this.#peers.get(userId)?.peer.hear("ice", candidate ?? {}),
    "voice:audio-chunk": ({ userId, audioData, sampleRate }) => this.#hearChunk(userId, audioData, sampleRate),
  };

  constructor({ party, connection, servers = () => iceServers(party.you?.ticket) }) {
    super();
    this.#party = party;
    this.#connection = connection;
    this.#servers = servers;
    party.addEventListener("change", () => this.#follow());
    party.addEventListener("enter", () => this.#reenter());
    window.addEventListener("pagehide", () => this.leave());
  }

  get isJoined() {
    return this.#isJoined;
  }

  /** Whether there is a microphone to speak into. */
  get hasMicrophone() {
    return this.#stream !== null;
  }

  /** Whether what the microphone hears is sent. */
  get isOpen() {
    return this.#isOpen && this.hasMicrophone;
  }

  set isOpen(isOpen) {
    this.#isOpen = isOpen;
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = isOpen;
    this.#tell("change");
  }

  /** How many others are in it. */
  get nOthers() {
    return this.#others.size;
  }

  /** Whether a member has joined the voice chat, as far as is known. */
  isIn(id) {
    return id === this.#party.you?.id ? this.#isJoined : this.#others.has(id);
  }

  isSpeaking(id) {
    return this.#speech.isSpeaking(id);
  }

  /** The playback volume of a member, from 0 to 1; null if no audio comes from it. */
  volumeOf(id) {
    return this.#peers.has(id) || this.#relayed.has(id) ? (this.#volumes.get(id) ?? 1) : null;
  }

  setVolume(id, volume) {
    this.#volumes.set(id, volume);
    const sound = this.#peers.get(id)?.sound;
    if (sound) sound.volume = volume;
    this.#relayed.setVolume(id, volume);
  }

  /** Joins, with the microphone if the browser gives it: see `hasMicrophone`. To be called when somebody presses. */
  async join() {
    if (this.#isJoined || !this.#party.may("voice")) return;
    this.#isJoined = true;
    const [stream, servers] = await Promise.all([microphone(), this.#servers()]);
    if (!this.#isJoined) {
      stop(stream);
      return;
    }
    this.#stream = stream;
    this.#configuration = { iceServers: servers };
    this.isOpen = this.#isOpen;
    if (stream) this.#speech.follow(this.#party.you.id, stream.getAudioTracks()[0]);
    this.#greet();
    this.#tell("change");
  }

  leave() {
    if (!this.#isJoined) return;
    this.#isJoined = this.#isOpen = false;
    for (const id of this.#greeted) this.#send(id, "offer", { type: "bye" });
    this.#greeted.clear();
    for (const id of this.#heard()) this.#drop(id);
    this.#relayed.stop();
    this.#speech.stop();
    stop(this.#stream);
    this.#stream = this.#configuration = null;
    this.#tell("change");
  }

  /** A new connection has a new name: all of it begins anew. */
  #reenter() {
    for (const id of this.#heard()) this.#drop(id);
    this.#others.clear();
    this.#greeted.clear();
    if (this.#stream) this.#speech.follow(this.#party.you.id, this.#stream.getAudioTracks()[0]);
    this.#greet();
  }

  /** Newcomers are greeted; who has gone, or may not talk any more, is out. */
  #follow() {
    const { you, members, nMembers } = this.#party;
    if (this.#isJoined && (!you || you.isMuted || !this.#party.may("voice"))) {
      this.leave();
      return;
    }
    const here = new Set(members.map(({ id }) => id));
    if (members.length >= nMembers) {
      for (const known of [this.#others, this.#greeted]) for (const id of known) if (!here.has(id)) known.delete(id);
      for (const id of this.#heard()) if (!here.has(id)) this.#drop(id);
    }
    for (const id of this.#others) if (!this.#mayBeHeard(id)) this.#forget(id);
    this.#greet();
  }

  #greet() {
    if (!this.#configuration || !this.#party.you) return;
    for (const { id, isPage } of this.#party.members) {
      if (id === this.#party.you.id || this.#greeted.has(id)) continue;
      this.#greeted.add(id);
      if (isPage) this.#send(id, "offer", { type: "hello" });
      else this.#call(id);
    }
  }

  #hearOffer(id, offer) {
    if (typeof id !== "string" || !offer || !this.#mayBeHeard(id)) return;
    if (offer.type === "bye") {
      this.#forget(id);
      return;
    }
    this.#others.add(id);
    this.#tell("change");
    if (!this.#configuration) return;
    if (offer.type === "hello") this.#answerGreeting(id, offer.isReply === true);
    else this.#peerOf(id)?.hear("offer", offer);
  }

  #answerGreeting(id, isReply) {
    // The answer to an own greeting that crossed the other's.
    if (isReply && this.#peers.has(id)) return;
    this.#drop(id);
    if (this.#party.you.id > id) this.#call(id);
    else if (!isReply) this.#send(id, "offer", { type: "hello", isReply: true });
  }

  /** A voice that comes over WebRTC is not played twice. */
  #hearChunk(id, audioData, sampleRate) {
    if (!this.#configuration || typeof id !== "string" || !this.#mayBeHeard(id)) return;
    if (this.#peers.get(id)?.peer.state === "connected") return;
    if (!this.#relayed.has(id) && this.#relayed.ids.length >= MOST_PEERS) return;
    const track = this.#relayed.hear(id, audioData, sampleRate);
    if (!track) return;
    this.#relayed.setVolume(id, this.#volumes.get(id) ?? 1);
    this.#others.add(id);
    this.#speech.follow(id, track);
    this.#tell("change");
  }

  /** The ids of all whose voices may come. */
  #heard() {
    return new Set([...this.#peers.keys(), ...this.#relayed.ids]);
  }

  #mayBeHeard(id) {
    const member = this.#party.member(id);
    return member === null || (!member.isMuted && this.#party.mayMember(member, "voice"));
  }

  #call(id) {
    const peer = this.#peerOf(id);
    if (peer && !this.#stream) peer.listen("audio");
  }

  /** The connection to somebody, made where there is none; null if there are too many. */
  #peerOf(id) {
    if (this.#peers.has(id)) return this.#peers.get(id).peer;
    if (this.#peers.size >= MOST_PEERS) return null;
    const isPage = this.#party.member(id)?.isPage === true;
    const peer = new Peer({
      configuration: this.#configuration,
      isPolite: !isPage || this.#party.you.id < id,
      send: (kind, body) => this.#send(id, kind, body),
    });
    this.#peers.set(id, { peer, sound: null });
    for (const track of this.#stream?.getTracks() ?? []) peer.add(track, this.#stream);
    peer.addEventListener("track", ({ detail }) => this.#play(id, detail));
    peer.addEventListener("state", () => {
      if (peer.state === "connected") {
        this.#others.add(id);
        this.#relayed.forget(id);
      }
      this.#tell("change");
    });
    return peer;
  }

  #play(id, track) {
    const known = this.#peers.get(id);
    if (!known || track.kind !== "audio") return;
    known.sound ??= new Audio();
    known.sound.srcObject = new MediaStream([track]);
    known.sound.volume = this.#volumes.get(id) ?? 1;
    known.sound.play().catch(() => {});
    this.#speech.follow(id, track);
    this.#tell("change");
  }

  /** Somebody is not in it any more. */
  #forget(id) {
    this.#others.delete(id);
    this.#drop(id);
    this.#tell("change");
  }

  #drop(id) {
    const known = this.#peers.get(id);
    this.#peers.delete(id);
    known?.peer.close();
    if (known?.sound) known.sound.srcObject = null;
    this.#relayed.forget(id);
    this.#speech.forget(id);
  }

  #send(id, kind, body) {
    this.#connection.send(`voice:${kind}`, { targetUserId: id, [BODIES[kind]]: body });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The microphone, or null if there is none or the browser does not give it. */
async function microphone() {
  return (await navigator.mediaDevices?.getUserMedia(MICROPHONE).catch(() => null)) ?? null;
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
