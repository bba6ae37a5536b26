import { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { connect } from "../live/connect.ts";
import type { StreamMessage } from "../live/stream.ts";
import type { WardAlert } from "../model/alert.ts";
import { ServerClock } from "../model/clock.ts";
import type { LiveRow } from "../model/row.ts";
import { HeartbeatWatch, type Moment, SILENCE_LIMIT_MS } from "../model/watch.ts";
import { type PageData, element, setState, setText, within } from "./data.ts";
import { leaveIfLoggedOut } from "./session.ts";

/** How often ages and silence are looked at: a quarter of the second in which they change. */
const TICK_MS = 250;

/** What a page does with what it hears. */
export interface Listener {
  readonly onSnapshot: (rows: readonly LiveRow[]) => void;
  readonly onReading: (row: LiveRow) => void;
  readonly onAlerts: (alerts: readonly WardAlert[]) => void;
  /** Time has passed: show only what may still be believed. */
  readonly onTick: (nowMs: number | null, connected: boolean) => void;
}

/** The page's link with the hub: the stream, the hub's time, and the bar that says when either is gone. */
export class HubLink {
  readonly #texts: Texts;
  readonly #workerUrl: string;
  readonly #formats: Formats;
  readonly #listener: Listener;
  readonly #clock = new ServerClock();
  readonly #watch = new HeartbeatWatch();
  #lastBeatServerMs: number | null = null;

  constructor(data: PageData, formats: Formats, listener: Listener) {
    this.#texts = data.texts;
    this.#workerUrl = data.worker;
    this.#formats = formats;
    this.#listener = listener;
  }

  open(): void {
    connect(this.#workerUrl, (message) => this.#take(message));
    window.setInterval(() => this.tick(), TICK_MS);
    // A page that was hidden, asleep or kept for "back" must be right in its first frame.
    for (const event of ["visibilitychange", "resume"]) {
      document.addEventListener(event, () => this.tick());
    }
    window.addEventListener("pageshow", () => this.tick());
    this.tick();
  }

  get connected(): boolean {
    return !this.#watch.isSilent(now());
  }

  /** The hub's time, or null before its first word. */
  get nowMs(): number | null {
    return this.#clock.nowMs(performance.now());
  }

  tick(): void {
    const { connected, nowMs } = this;
    this.#show(connected);
    if (nowMs !== null) setText(element("clock"), this.#formats.clock(nowMs));
    this.#listener.onTick(nowMs, connected);
  }

  #take(message: StreamMessage): void {
    if (message.kind === "reading") {
      this.#listener.onReading(message.row);
      return;
    }
    if (message.kind === "snapshot") this.#listener.onSnapshot(message.rows);
    if (message.kind === "alerts") this.#listener.onAlerts(message.alerts);
    if (message.kind === "heartbeat") this.#takeHeartbeat(message.serverMs);
    if (message.kind === "refused") void leaveIfLoggedOut();
    this.tick();
  }

  #takeHeartbeat(serverMs: number): void {
    const moment = now();
    this.#watch.beat(moment);
    this.#lastBeatServerMs = serverMs;
    this.#clock.observe(serverMs, moment.monotonicMs);
  }

  #show(connected: boolean): void {
    // A page that was just opened has no numbers yet, and the hub a moment to say its first word.
    if (this.#lastBeatServerMs === null && performance.now() < SILENCE_LIMIT_MS) return;
    const state = connected ? "connected" : "disconnected";
    setState(document.body, state);
    setState(element("connection"), state);
    setText(within(element("connection"), ".word"), text(this.#texts, `connection.${state}`));
    const bar = element("disconnected");
    if (connected !== bar.hidden) bar.hidden = connected;
    if (!connected) setText(bar, this.#disconnectedText());
  }

  #disconnectedText(): string {
    if (this.#lastBeatServerMs === null) return text(this.#texts, "connection.bar_never");
    const time = this.#formats.clock(this.#lastBeatServerMs);
    return text(this.#texts, "connection.bar", { time });
  }
}

function now(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}
