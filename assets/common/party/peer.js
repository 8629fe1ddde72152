/**
 * One connection to another browser by perfect negotiation: either side may begin, and where both do, the polite one
 * takes its own offer back. What is to be sent goes to `send(kind, body)`, with `kind` one of `offer`, `answer`, `ice`.
 *
 * Events: `track` (with the track as `detail`), `state`. `hear(kind, body)` takes what the other side sent.
 */

/** A connection that is not there after this long looks for a path anew (milliseconds). */
const PATH_PATIENCE_MS = 6000;
/** The first candidate comes within milliseconds, if any does. */
const GATHERING_PATIENCE_MS = 500;
/** Candidates that wait for their description; a browser has a few dozen. */
const MOST_EARLY = 64;

export class Peer extends EventTarget {
  #connection;
  #send;
  #isPolite;
  #isOffering = false;
  #isIgnoring = false;
  #early = [];
  #timer = 0;
  #heard = Promise.resolve();

  /** `configuration` is what `RTCPeerConnection` takes. */
  constructor({ configuration, isPolite, send }) {
    super();
    this.#send = send;
    this.#isPolite = isPolite;
    this.#connection = new RTCPeerConnection(configuration);
    const connection = this.#connection;
    connection.addEventListener("negotiationneeded", () => this.#offer());
    connection.addEventListener("icecandidate", ({ candidate }) => candidate && send("ice", candidate.toJSON()));
    connection.addEventListener("track", ({ track }) => this.#tell("track", track));
    connection.addEventListener(
      "signalingstatechange",
      () => connection.signalingState === "stable" && this.#awaitPath(),
    );
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed") this.#awaitPath();
      this.#tell("state");
    });
  }

  /** As `RTCPeerConnection` calls it: `new`, `connecting`, `connected`, `disconnected`, `failed` or `closed`. */
  get state() {
    return this.#connection.connectionState;
  }

  /** Sends `track`; the other side is asked to take it. */
  add(track, stream) {
    return this.#connection.addTrack(track, stream);
  }

  /** Takes a track of that kind without sending one. */
  listen(kind) {
    this.#connection.addTransceiver(kind, { direction: "recvonly" });
  }

  /** What the other side has sent, one after the other; what makes no sense is passed over. */
  hear(kind, body) {
    this.#heard = this.#heard.then(() => this.#take(kind, body)).catch(() => {});
    return this.#heard;
  }

  close() {
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  async #take(kind, body) {
    const connection = this.#connection;
    if (connection.signalingState === "closed") return;
    if (kind === "ice") {
      await this.#takeCandidate(body);
      return;
    }
    if (kind === "answer" && connection.signalingState !== "have-local-offer") return;
    const isCollision = kind === "offer" && (this.#isOffering || connection.signalingState !== "stable");
    this.#isIgnoring = !this.#isPolite && isCollision;
    if (this.#isIgnoring) return;
    if (isCollision) await this.#gathering();
    await connection.setRemoteDescription({ type: kind, sdp: body.sdp });
    for (const candidate of this.#early.splice(0)) await connection.addIceCandidate(candidate).catch(() => {});
    if (kind !== "offer") return;
    await connection.setLocalDescription();
    this.#send("answer", connection.localDescription.toJSON());
  }

  async #takeCandidate(candidate) {
    if (this.#connection.remoteDescription) {
      await this.#connection.addIceCandidate(candidate);
    } else if (this.#early.length < MOST_EARLY) {
      this.#early.push(candidate);
    }
  }

  async #offer() {
    try {
      this.#isOffering = true;
      await this.#connection.setLocalDescription();
      this.#send("offer", this.#connection.localDescription.toJSON());
    } catch {
      // It was closed meanwhile.
    } finally {
      this.#isOffering = false;
    }
  }

  /** Until the own offer has begun to gather: one that is taken back before has Chromium gather nothing ever after. */
  #gathering() {
    return new Promise((resolve) => {
      if (this.#connection.iceGatheringState === "complete") resolve();
      this.#connection.addEventListener("icecandidate", resolve, { once: true });
      setTimeout(resolve, GATHERING_PATIENCE_MS);
    });
  }

  /** Looks for a path again if there is none in time; the polite side gives the other one time to. */
  #awaitPath() {
    clearTimeout(this.#timer);
    const patience = this.#isPolite ? 2 * PATH_PATIENCE_MS : PATH_PATIENCE_MS;
    this.#timer = setTimeout(() => {
      if (["new", "connecting", "failed"].includes(this.state)) this.#connection.restartIce();
    }, patience);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
