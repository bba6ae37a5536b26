import { Formats } from "../format/moment.ts";
import { type Texts, counted, text } from "../format/text.ts";
import { LiveStream } from "../live/stream.ts";
import { ServerClock } from "../model/clock.ts";
import { type LiveRow, supersedes } from "../model/row.ts";
import { type Moment, isSilent } from "../model/watch.ts";
import { type PageData, element, setState, setText, within } from "../page/data.ts";
import { leaveIfLoggedOut } from "../page/session.ts";
import { RowElement } from "./row_element.ts";
import { viewRow } from "./row_view.ts";
import { WardTrends } from "./trends.ts";

/** How often ages and silence are looked at: a quarter of the second in which they change. */
const TICK_MS = 250;

/** The ward list: takes what the hub says, and shows at each tick what of it may still be believed. */
export class Ward {
  readonly #texts: Texts;
  readonly #formats: Formats;
  readonly #clock = new ServerClock();
  readonly #rows = new Map<string, LiveRow>();
  readonly #elements = new Map<string, RowElement>();
  readonly #trends: WardTrends;
  readonly #list = element("rows");
  readonly #template = element("row") as HTMLTemplateElement;
  #lastBeat: Moment | null = null;
  #lastBeatServerMs: number | null = null;

  constructor(data: PageData) {
    this.#texts = data.texts;
    this.#formats = new Formats(data.locale);
    this.#trends = new WardTrends(data.texts);
    for (const root of this.#list.querySelectorAll<HTMLElement>("tr")) {
      this.#adopt(root.dataset["patient"] ?? "", new RowElement(root));
    }
  }

  start(): void {
    const stream = new LiveStream("/api/v1/live", {
      onSnapshot: (rows, serverMs) => this.#takeSnapshot(rows, serverMs),
      onReading: (row) => this.#takeReading(row),
      onHeartbeat: (serverMs) => this.#takeHeartbeat(serverMs),
      onRefused: () => void leaveIfLoggedOut(),
    });
    stream.open();
    window.setInterval(() => this.#render(), TICK_MS);
    // A page that was hidden, asleep or kept for "back" must be right in its first frame.
    for (const event of ["visibilitychange", "resume"]) {
      document.addEventListener(event, () => this.#render());
    }
    window.addEventListener("pageshow", () => this.#render());
    this.#render();
  }

  #takeSnapshot(rows: readonly LiveRow[], serverMs: number): void {
    this.#clock.observe(serverMs, performance.now());
    const present = new Set(rows.map((row) => row.patient));
    for (const patient of this.#rows.keys()) if (!present.has(patient)) this.#rows.delete(patient);
    for (const row of rows) this.#rows.set(row.patient, row);
    for (const patient of [...this.#elements.keys()]) if (!present.has(patient)) this.#drop(patient);
    for (const row of rows) this.#elementOf(row);
    setText(element("count"), counted(this.#texts, "ward.patients", rows.length));
    element("empty").hidden = rows.length > 0;
    this.#trends.reload();
    this.#render();
  }

  #takeReading(row: LiveRow): void {
    this.#trends.feed(row);
    if (!supersedes(row, this.#rows.get(row.patient))) return;
    this.#rows.set(row.patient, row);
    this.#elementOf(row);
    this.#render(row.patient);
  }

  #takeHeartbeat(serverMs: number): void {
    this.#lastBeat = now();
    this.#lastBeatServerMs = serverMs;
    this.#clock.observe(serverMs, this.#lastBeat.monotonicMs);
    this.#render();
  }

  #elementOf(row: LiveRow): void {
    let known = this.#elements.get(row.patient);
    if (known === undefined) {
      known = RowElement.create(this.#template, row.patient);
      this.#list.append(known.root);
      this.#adopt(row.patient, known);
    }
    known.identify(row.display_name, row.suitcase);
  }

  #adopt(patient: string, row: RowElement): void {
    this.#elements.set(patient, row);
    this.#trends.add(patient, row.trend);
  }

  #drop(patient: string): void {
    this.#trends.remove(patient);
    this.#elements.get(patient)?.root.remove();
    this.#elements.delete(patient);
  }

  #render(only?: string): void {
    const moment = now();
    const connected = !isSilent(this.#lastBeat, moment);
    const nowMs = this.#clock.nowMs(moment.monotonicMs);
    for (const [patient, row] of this.#rows) {
      if (only !== undefined && patient !== only) continue;
      const view = viewRow(row, nowMs, connected, this.#texts, this.#formats);
      this.#elements.get(patient)?.show(view, this.#texts);
    }
    if (only !== undefined) return;
    this.#showConnection(connected);
    if (nowMs !== null) {
      setText(element("clock"), this.#formats.clock(nowMs));
      this.#trends.draw(nowMs);
    }
  }

  #showConnection(connected: boolean): void {
    const state = connected ? "connected" : "disconnected";
    setState(element("connection"), state);
    setText(within(element("connection"), ".word"), text(this.#texts, `connection.${state}`));
    setState(element("patients"), state);
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
