import { text, type Texts } from "../format/text.ts";
import { element, setText } from "../page/data.ts";
import { FrameWatch, LOOK_MS } from "./frozen.ts";
import type { Door } from "./line.ts";
import type { CallStateMessage } from "./messages.ts";
import { OwnDevices } from "./own.ts";
import { CallSession } from "./session.ts";

/** A box that is back may bring its picture with it. */
const BACK_MS = 1000;

export interface StageListener {
  readonly onState: (state: CallStateMessage) => void;
  readonly onInvited: (kind: string, token: string) => void;
  /** The call is over, for whatever reason; the stage is empty again. */
  readonly onOver: () => void;
}

/** What staff and guests see alike: the patient's picture, one's own, who is there, and what goes wrong. */
export class Stage {
  readonly #texts: Texts;
  readonly #listener: StageListener;
  readonly #own = new OwnDevices();
  readonly #frames = new FrameWatch();
  readonly #picture = element("patient") as HTMLVideoElement;
  readonly #ownPicture = element("own") as HTMLVideoElement;
  #session: CallSession | null = null;
  #state: CallStateMessage | null = null;
  #muted = false;

  constructor(texts: Texts, listener: StageListener) {
    this.#texts = texts;
    this.#listener = listener;
    element("mute").addEventListener("click", () => this.#mute(!this.#muted));
    element("camera").addEventListener("change", (event) => {
      void this.#chooseCamera((event.target as HTMLSelectElement).value);
    });
    window.addEventListener("pagehide", () => this.#session?.leave());
    window.setInterval(() => this.#look(), LOOK_MS);
    this.#enter("idle");
  }

  get session(): CallSession | null {
    return this.#session;
  }

  get state(): CallStateMessage | null {
    return this.#state;
  }

  get picture(): HTMLVideoElement {
    return this.#picture;
  }

  async open(door: Door): Promise<void> {
    if (document.body.dataset["call"] !== "idle") return;
    const relayOnly = new URLSearchParams(location.search).get("relay") === "1";
    this.#enter("calling");
    this.#ownPicture.srcObject = await this.#own.open();
    await this.#listCameras();
    this.#mute(false);
    this.#session = new CallSession(door, this.#own, relayOnly, {
      onState: (state) => this.#takeState(state),
      onInvited: (kind, token) => this.#listener.onInvited(kind, token),
      onTrack: (track) => (this.#picture.srcObject as MediaStream).addTrack(track),
      onConnecting: () => this.#connecting(),
      onHubLost: () => this.#say("hub_lost"),
      onOver: (reason) => this.#over(reason),
    });
  }

  #takeState(state: CallStateMessage): void {
    const before = this.#state;
    this.#state = state;
    this.#enter(state.phase);
    const key = state.phase === "talking" && !state.picture ? "without_picture" : state.phase;
    this.#say(key === "talking" ? null : key);
    setText(element("watchers"), state.watchers.join(", "));
    const moving = state.phase === "talking" && state.picture;
    if (!moving) this.#frames.rest();
    else this.#frames.expect(performance.now());
    // The box was away and its picture with it: what had to be tried again before can be tried now.
    const back = moving && before?.phase === "box-away";
    if (back) window.setTimeout(() => this.#mendNow(), BACK_MS);
    this.#listener.onState(state);
  }

  #mendNow(): void {
    if (this.#frames.frozenMs(performance.now()) > 0) this.#session?.connect();
  }

  #connecting(): void {
    this.#picture.srcObject = new MediaStream();
    this.#frames.tried(performance.now());
  }

  #over(reason: string): void {
    this.#session = null;
    this.#state = null;
    this.#own.close();
    this.#frames.rest();
    this.#picture.srcObject = null;
    this.#ownPicture.srcObject = null;
    setText(element("watchers"), "");
    this.#enter("idle");
    this.#say(`call.over.${reason}` in this.#texts ? `over.${reason}` : "over.other");
    this.#listener.onOver();
  }

  #mute(muted: boolean): void {
    this.#muted = muted;
    this.#own.mute(muted);
    element("mute").setAttribute("aria-pressed", String(muted));
  }

  async #listCameras(): Promise<void> {
    const select = element("camera") as HTMLSelectElement;
    const cameras = await this.#own.cameras();
    select.replaceChildren(...cameras.map((camera) => new Option(camera.label, camera.deviceId)));
    select.hidden = cameras.length < 2;
  }

  async #chooseCamera(deviceId: string): Promise<void> {
    const track = await this.#own.choose(deviceId);
    if (track !== null) await this.#session?.peer?.useCamera(track);
  }

  #look(): void {
    const nowMs = performance.now();
    // Not by callbacks of each picture: a tab behind another gets none, and would make new connections for nothing.
    this.#frames.counted(this.#picture.getVideoPlaybackQuality().totalVideoFrames, nowMs);
    const frozenMs = this.#frames.frozenMs(nowMs);
    const bar = element("frozen");
    bar.hidden = frozenMs === 0;
    if (frozenMs > 0) setText(bar, text(this.#texts, "call.frozen", { seconds: String(Math.round(frozenMs / 1000)) }));
    if (this.#frames.isDue(nowMs)) this.#session?.connect();
  }

  #enter(state: string): void {
    document.body.dataset["call"] = state;
    const idle = state === "idle";
    element("ring").hidden = !idle;
    element("in-call").hidden = idle;
  }

  #say(key: string | null): void {
    const said = element("said");
    said.hidden = key === null;
    if (key !== null) setText(said, text(this.#texts, `call.${key}`));
  }
}
