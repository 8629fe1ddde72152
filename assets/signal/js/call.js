/**
 * One call: a peer connection by perfect negotiation, so that both sides may start at once.
 *
 * The side whose user id comes first in the alphabet is the polite one: it takes its own offer back when two meet.
 */

const CHANNEL = "chat";

/** A call without a path after this long looks for one anew; the polite side gives the other one time to. */
const PATH_PATIENCE_MS = 4_000;

/** The first candidate comes within milliseconds, if any does. */
const GATHERING_PATIENCE_MS = 500;

export class Call extends EventTarget {
  #peer;
  #send;
  #isPolite;
  #isOffering = false;
  #isIgnoring = false;
  #channel = null;
  #timer = 0;
  #heard = Promise.resolve();

  constructor(ownId, otherId, iceServers, send) {
    super();
    this.otherId = otherId;
    this.#send = (message) => send({ ...message, to: otherId });
    this.#isPolite = String(ownId) < String(otherId);
    this.#peer = new RTCPeerConnection({ iceServers });
    const peer = this.#peer;
    peer.addEventListener("negotiationneeded", () => this.#offer());
    peer.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) this.#send({ type: "candidate", candidate });
    });
    for (const event of ["connectionstatechange", "iceconnectionstatechange", "icegatheringstatechange"]) {
      peer.addEventListener(event, () => this.#tell("change"));
    }
    peer.addEventListener("signalingstatechange", () => peer.signalingState === "stable" && this.#awaitPath());
    peer.addEventListener("connectionstatechange", () => peer.connectionState === "failed" && this.#awaitPath());
    peer.addEventListener("track", ({ streams, track }) => this.#tell("stream", streams[0] ?? new MediaStream([track])));
    peer.addEventListener("datachannel", ({ channel }) => this.#use(channel));
  }

  /** Connection, ICE and data channel, as the browser calls their states. */
  get states() {
    return {
      connection: this.#peer.connectionState,
      ice: `${this.#peer.iceConnectionState}, ${this.#peer.iceGatheringState}`,
      channel: this.#channel?.readyState ?? "–",
    };
  }

  openChannel() {
    if (!this.#channel) this.#use(this.#peer.createDataChannel(CHANNEL));
  }

  say(text) {
    this.#channel?.send(text);
  }

  addStream(stream) {
    for (const track of stream.getTracks()) this.#peer.addTrack(track, stream);
  }

  /** What the other side has sent by way of the server, one after the other. */
  hear(message) {
    const heard = this.#heard.then(() => this.#take(message));
    this.#heard = heard.catch(() => {});
    return heard;
  }

  async #take({ type, description, candidate }) {
    if (type === "candidate") {
      try {
        await this.#peer.addIceCandidate(candidate);
      } catch (problem) {
        if (!this.#isIgnoring) throw problem;
      }
      return;
    }
    const isCollision = type === "offer" && (this.#isOffering || this.#peer.signalingState !== "stable");
    this.#isIgnoring = !this.#isPolite && isCollision;
    if (this.#isIgnoring) return;
    if (isCollision) await this.#gathering();
    await this.#peer.setRemoteDescription(description);
    if (type === "offer") {
      await this.#peer.setLocalDescription();
      this.#send({ type: "answer", description: this.#peer.localDescription });
    }
  }

  /** The path that was chosen, like `host udp → srflx udp`. */
  async path() {
    const stats = await this.#peer.getStats();
    const all = [...stats.values()];
    const transport = all.find((one) => one.type === "transport" && one.selectedCandidatePairId);
    const pair = transport ? stats.get(transport.selectedCandidatePairId) : all.find((one) => one.nominated);
    if (!pair) return "–";
    const name = (id) => {
      const one = stats.get(id);
      return one ? `${one.candidateType} ${one.protocol}` : "?";
    };
    return `${name(pair.localCandidateId)} → ${name(pair.remoteCandidateId)}`;
  }

  close() {
    clearTimeout(this.#timer);
    this.#peer.close();
    this.#tell("change");
  }

  /** Until the own offer has begun to gather: one that is taken back before has Chromium gather nothing ever after. */
  #gathering() {
    return new Promise((resolve) => {
      if (this.#peer.iceGatheringState === "complete") resolve();
      this.#peer.addEventListener("icecandidate", resolve, { once: true });
      setTimeout(resolve, GATHERING_PATIENCE_MS);
    });
  }

  /** Looks for a path again if there is none in time. */
  #awaitPath() {
    clearTimeout(this.#timer);
    const patience = this.#isPolite ? 2 * PATH_PATIENCE_MS : PATH_PATIENCE_MS;
    this.#timer = setTimeout(() => {
      if (["new", "connecting", "failed"].includes(this.#peer.connectionState)) this.#peer.restartIce();
    }, patience);
  }

  async #offer() {
    try {
      this.#isOffering = true;
      await this.#peer.setLocalDescription();
      this.#send({ type: "offer", description: this.#peer.localDescription });
    } finally {
      this.#isOffering = false;
    }
  }

  #use(channel) {
    this.#channel = channel;
    for (const event of ["open", "close"]) channel.addEventListener(event, () => this.#tell("change"));
    channel.addEventListener("message", ({ data }) => this.#tell("said", data));
    this.#tell("change");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
