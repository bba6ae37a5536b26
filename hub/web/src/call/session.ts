import { type Door, Line } from "./line.ts";
import type { CallStateMessage, FromHub, GuestKind, Ice } from "./messages.ts";
import type { OwnDevices } from "./own.ts";
import { Peer } from "./peer.ts";

export interface SessionListener {
  readonly onState: (state: CallStateMessage) => void;
  readonly onInvited: (kind: string, token: string) => void;
  readonly onTrack: (track: MediaStreamTrack) => void;
  readonly onConnecting: () => void;
  readonly onHubLost: () => void;
  readonly onOver: (reason: string) => void;
}

/** One call from the click to its end: the line to the hub, and one peer connection after another. */
export class CallSession {
  readonly #own: OwnDevices;
  readonly #listener: SessionListener;
  readonly #relayOnly: boolean;
  readonly #line: Line;
  #ice: readonly Ice[] = [];
  #peer: Peer | null = null;
  #round = 0;
  #talking = false;

  constructor(door: Door, own: OwnDevices, relayOnly: boolean, listener: SessionListener) {
    this.#own = own;
    this.#relayOnly = relayOnly;
    this.#listener = listener;
    this.#line = new Line(door, {
      onMessage: (message) => this.#take(message),
      onBroken: () => listener.onHubLost(),
      onGone: (code) => this.#over(code === null ? "hub-lost" : `code-${code}`),
    });
  }

  get peer(): Peer | null {
    return this.#peer;
  }

  say(text: string): void {
    this.#line.send({ type: "caption", text });
  }

  hangUp(): void {
    this.#line.send({ type: "hang-up" });
  }

  measure(): void {
    this.#line.send({ type: "measure" });
  }

  invite(kind: GuestKind, name: string): void {
    this.#line.send({ type: "invite", kind, name });
  }

  /** A person goes; the call goes on if staff are in it. */
  depart(): void {
    this.leave();
    this.#listener.onOver("left");
  }

  /** The page is being left: the call goes on if others are in it. */
  leave(): void {
    this.#line.send({ type: "leave" });
    this.#end();
  }

  /** A new peer connection under the same call, with no click. */
  connect(): void {
    const round = ++this.#round;
    this.#peer?.close();
    const peer = new Peer(this.#ice, this.#relayOnly, this.#own.stream, {
      onTrack: (track) => this.#listener.onTrack(track),
      onState: (state) => {
        if (state === "failed" && this.#round === round) this.connect();
      },
    });
    this.#peer = peer;
    this.#listener.onConnecting();
    void peer.offer().then((sdp) => {
      if (this.#round === round) {
        this.#line.send({ type: "offer", round, sdp, relay_only: this.#relayOnly });
      }
    });
  }

  #take(message: FromHub): void {
    switch (message.type) {
      case "joined":
        this.#ice = message.ice;
        this.#talking = false;
        break;
      case "servers":
        this.#ice = message.ice;
        break;
      case "state":
        this.#listener.onState(message);
        if (message.phase === "talking" && !this.#talking) {
          this.#talking = true;
          this.connect();
        }
        break;
      case "answer":
        if (message.round === this.#round) void this.#peer?.accept(message.sdp);
        break;
      case "invited":
        this.#listener.onInvited(message.kind, message.token);
        break;
      case "ended":
        this.#over(message.outcome);
    }
  }

  #over(reason: string): void {
    this.#end();
    this.#listener.onOver(reason);
  }

  #end(): void {
    this.#line.close();
    this.#peer?.close();
    this.#peer = null;
  }
}
