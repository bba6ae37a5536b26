import type { Ice } from "./messages.ts";
/** A STUN or TURN server that does not answer must not hold up the call: what is known by then is offered. */
const GATHER_MS = 1500;

export interface PeerListener {
  readonly onTrack: (track: MediaStreamTrack) => void;
  readonly onState: (state: RTCPeerConnectionState) => void;
}

/** One peer connection, used once: after a break the next one is made (the box cannot restart ICE). */
export class Peer {
  readonly #pc: RTCPeerConnection;
  readonly #video: RTCRtpTransceiver;

  constructor(ice: readonly Ice[], relayOnly: boolean, own: MediaStream | null, listener: PeerListener) {
    this.#pc = new RTCPeerConnection({ iceServers: ice.map((one) => ({ ...one, urls: [...one.urls] })), iceTransportPolicy: relayOnly ? "relay" : "all" });
    this.#pc.ontrack = (event) => listener.onTrack(event.track);
    this.#pc.onconnectionstatechange = () => listener.onState(this.#pc.connectionState);
    this.#video = this.#add("video", own?.getVideoTracks()[0]);
    this.#add("audio", own?.getAudioTracks()[0]);
  }

  /** The description to offer. */
  async offer(): Promise<string> {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    await this.#gathered();
    return this.#pc.localDescription?.sdp ?? "";
  }

  async accept(sdp: string): Promise<void> {
    if (this.#pc.signalingState !== "have-local-offer") return;
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
  }

  async useCamera(track: MediaStreamTrack): Promise<void> {
    await this.#video.sender.replaceTrack(track);
  }

  async report(): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = [];
    (await this.#pc.getStats()).forEach((item) => items.push(item as Record<string, unknown>));
    return items;
  }

  close(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  #add(kind: "audio" | "video", track: MediaStreamTrack | undefined): RTCRtpTransceiver {
    if (track === undefined) return this.#pc.addTransceiver(kind, { direction: "recvonly" });
    return this.#pc.addTransceiver(track, { direction: "sendrecv" });
  }

  #gathered(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#pc.iceGatheringState === "complete") resolve();
      };
      this.#pc.onicegatheringstatechange = look;
      window.setTimeout(resolve, GATHER_MS);
      look();
    });
  }
}
