import { Formats } from "../format/moment.ts";
import { text } from "../format/text.ts";
import { type LiveRow, supersedes } from "../model/row.ts";
import { type PageData, element, setState, setText, within } from "../page/data.ts";
import { HubLink } from "../page/hub_link.ts";
import { viewRow } from "../ward/row_view.ts";
import { ANEW_AFTER_MS, FrameWatch } from "./frozen.ts";
import type { CallStateMessage } from "./messages.ts";
import { OwnDevices } from "./own.ts";
import { type Totals, between, judge, totals } from "./quality.ts";
import { CallSession } from "./session.ts";

/** What the server adds to the page of a call. */
export interface CallPageData extends PageData {
  readonly patient: string;
}

const LOOK_MS = 250;
const STATS_MS = 2000;

/** The page of a call: the patient's picture, and the numbers beside it under the same rules as on the ward. */
export class CallPage {
  readonly #data: CallPageData;
  readonly #formats: Formats;
  readonly #link: HubLink;
  readonly #own = new OwnDevices();
  readonly #frames = new FrameWatch();
  readonly #picture = element("patient") as HTMLVideoElement;
  readonly #ownPicture = element("own") as HTMLVideoElement;
  readonly #now = element("now");
  #session: CallSession | null = null;
  #state: CallStateMessage | null = null;
  #row: LiveRow | undefined;
  #before: Totals | null = null;
  #muted = false;

  constructor(data: CallPageData) {
    this.#data = data;
    this.#formats = new Formats(data.locale);
    this.#link = new HubLink(data, this.#formats, {
      onSnapshot: (rows) => this.#takeRow(rows.find((row) => row.patient === data.patient)),
      onReading: (row) => this.#takeRow(row.patient === data.patient ? row : undefined),
      onAlerts: () => undefined,
      onTick: (nowMs, connected) => this.#renderNumbers(nowMs, connected),
    });
  }

  start(): void {
    this.#link.open();
    element("ring").addEventListener("click", () => void this.#ring());
    element("hang-up").addEventListener("click", () => this.#session?.hangUp());
    element("mute").addEventListener("click", () => this.#mute(!this.#muted));
    element("caption").addEventListener("change", (event) => {
      this.#session?.say((event.target as HTMLInputElement).value);
    });
    element("camera").addEventListener("change", (event) => {
      void this.#chooseCamera((event.target as HTMLSelectElement).value);
    });
    window.addEventListener("pagehide", () => this.#session?.leave());
    window.setInterval(() => this.#look(), LOOK_MS);
    window.setInterval(() => void this.#measure(), STATS_MS);
    this.#countFrames();
  }

  async #ring(): Promise<void> {
    if (this.#session !== null) return;
    const relayOnly = new URLSearchParams(location.search).get("relay") === "1";
    this.#enter("calling");
    this.#ownPicture.srcObject = await this.#own.open();
    await this.#listCameras();
    this.#mute(false);
    this.#session = new CallSession(this.#data.patient, this.#own, relayOnly, {
      onState: (state) => this.#takeState(state),
      onTrack: (track) => this.#takeTrack(track),
      onConnecting: () => this.#connecting(),
      onHubLost: () => this.#say("hub_lost"),
      onOver: (reason) => this.#over(reason),
    });
  }

  #takeState(state: CallStateMessage): void {
    this.#state = state;
    this.#enter(state.phase);
    const key = state.phase === "talking" && !state.picture ? "without_picture" : state.phase;
    this.#say(key === "talking" ? null : key);
    setText(element("watchers"), state.watchers.join(", "));
    if (state.phase === "talking" && state.picture) this.#frames.expect(performance.now());
    else this.#frames.rest();
  }

  #connecting(): void {
    this.#picture.srcObject = new MediaStream();
    this.#before = null;
    if (this.#state?.picture) this.#frames.expect(performance.now());
  }

  #takeTrack(track: MediaStreamTrack): void {
    (this.#picture.srcObject as MediaStream).addTrack(track);
  }

  #over(reason: string): void {
    this.#session = null;
    this.#state = null;
    this.#own.close();
    this.#frames.rest();
    this.#picture.srcObject = null;
    this.#ownPicture.srcObject = null;
    setText(element("watchers"), "");
    setText(element("line"), "");
    this.#enter("idle");
    this.#say(`call.over.${reason}` in this.#data.texts ? `over.${reason}` : "over.other");
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

  #countFrames(): void {
    this.#picture.requestVideoFrameCallback((nowMs) => {
      this.#frames.frame(nowMs);
      this.#countFrames();
    });
  }

  #look(): void {
    const frozenMs = this.#frames.frozenMs(performance.now());
    const bar = element("frozen");
    bar.hidden = frozenMs === 0;
    if (frozenMs > 0) setText(bar, text(this.#data.texts, "call.frozen", { seconds: String(Math.round(frozenMs / 1000)) }));
    if (frozenMs > ANEW_AFTER_MS) this.#session?.connect();
  }

  async #measure(): Promise<void> {
    const peer = this.#session?.peer;
    if (!peer) return;
    const after = totals(await peer.report());
    if (this.#before !== null && this.#session?.peer === peer) {
      const stats = between(this.#before, after);
      const verdict = judge(stats, this.#state?.sending?.[1] ?? null);
      const line = element("line");
      setState(line, verdict);
      setText(line, text(this.#data.texts, `call.line.${verdict}`, {
        seconds: this.#formats.number((stats.roundTripMs ?? 0) / 1000),
        percent: String(Math.round(100 * Math.max(stats.loss, stats.madeUp))),
      }));
    }
    this.#before = after;
  }

  #takeRow(row: LiveRow | undefined): void {
    if (row === undefined || !supersedes(row, this.#row)) return;
    this.#row = row;
    this.#renderNumbers(this.#link.nowMs, this.#link.connected);
  }

  #renderNumbers(nowMs: number | null, connected: boolean): void {
    if (this.#row === undefined) return;
    const view = viewRow(this.#row, nowMs, connected, this.#data.texts, this.#formats);
    setState(this.#now, view.freshness);
    setText(within(this.#now, ".spo2 .number"), view.spo2);
    setText(within(this.#now, ".pulse .number"), view.pulse);
    setText(within(this.#now, ".age"), view.age);
    setText(within(this.#now, ".remark"), view.remark);
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
    if (key !== null) setText(said, text(this.#data.texts, `call.${key}`));
  }
}
