import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { type Period, RANGES, type RangeName, marked, moved, parsePeriod, periodQuery, rangeName, zoomed } from "../model/period.ts";
import { type Dot, type Graded, type Guide, MARK_SHAPES, type Mark } from "./guide.ts";
import { bindPinch } from "./pinch.ts";
import type { Trend } from "../model/trend.ts";
import { element, setText, within } from "../page/data.ts";
import { type Charted, TrendChart } from "./chart.ts";

/** Where the scales begin and end; the ranges in which most readings of such patients lie. */
const CHARTED: readonly Charted[] = [
  { quantity: "spo2_pct", unit: "%", low: 80, high: 100, always: true },
  { quantity: "pulse_bpm", unit: "/min", low: 50, high: 130, always: true },
  { quantity: "respiratory_rate_bpm", unit: "/min", low: 8, high: 30, always: false },
  { quantity: "fev1_l", unit: "L", low: 0, high: 3, always: false },
  { quantity: "temperature_c", unit: "°C", low: 36, high: 39, always: false },
  { quantity: "systolic_mmhg", unit: "mmHg", low: 90, high: 180, always: false },
  { quantity: "crp_mg_l", unit: "mg/L", low: 0, high: 100, always: false },
];
/** About two pixels for each on a desktop. */
const BUCKETS = 360;
/** A period that ends now moves on; a minute is a pixel or less in all but the shortest. */
const RELOAD_MS = 60_000;

interface Answer {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly trends: Readonly<Record<string, Trend>>;
}

/** The charts of one patient on a shared time axis; the period stands in the address bar. */
export class PatientTrends {
  readonly #patient: string;
  readonly #texts: Texts;
  readonly #formats: Formats;
  readonly #charts: readonly TrendChart[];
  readonly #nowMs: () => number | null;
  #period: Period;
  readonly #guides: Readonly<Record<string, Guide>>;
  #asked = 0;
  #drawnToMs: number | null = null;

  constructor(
    patient: string,
    guides: Readonly<Record<string, Guide>>,
    texts: Texts,
    formats: Formats,
    nowMs: () => number | null,
  ) {
    this.#guides = guides;
    [this.#patient, this.#texts, this.#formats, this.#nowMs] = [patient, texts, formats, nowMs];
    this.#period = parsePeriod(window.location.search);
    this.#charts = CHARTED.map((charted) => this.#chart(charted));
  }

  start(): void {
    for (const button of element("ranges").querySelectorAll("button")) {
      const hours = RANGES[button.dataset["range"] as RangeName];
      button.addEventListener("click", () => this.#choose({ hours, endMs: null }));
    }
    element("earlier").addEventListener("click", () => this.#move(-1));
    element("later").addEventListener("click", () => this.#move(1));
    bindPinch(element("charts"), (factor, share) => this.#zoom(factor, share));
    window.addEventListener("popstate", () => {
      this.#period = parsePeriod(window.location.search);
      void this.#load();
    });
    window.addEventListener("resize", () => this.#charts.forEach((chart) => chart.fit()));
    document.addEventListener("koffert-theme", () => this.#charts.forEach((chart) => chart.redraw()));
    window.setInterval(() => {
      if (this.#period.endMs === null && !document.hidden) void this.#load();
    }, RELOAD_MS);
    void this.#load();
  }

  #chart(charted: Charted): TrendChart {
    const template = element("chart") as HTMLTemplateElement;
    const root = within(template.content.cloneNode(true) as DocumentFragment, "figure");
    element("charts").append(root);
    const guide = this.#guides[charted.quantity];
    return new TrendChart(root, charted, this.#texts, this.#formats, guide, (startMs, endMs) =>
      this.#change((nowMs) => marked(startMs, endMs, nowMs)),
    );
  }

  #move(by: -1 | 1): void {
    this.#change((nowMs) => moved(this.#period, by, nowMs));
  }

  #zoom(factor: number, share: number): void {
    this.#change((nowMs) => zoomed(this.#period, factor, share, nowMs));
  }

  /** The hub's time: from its stream, or, before that speaks, from what it last drew. */
  #now(): number | null {
    return this.#nowMs() ?? this.#drawnToMs;
  }

  /** Without the hub's time there is nothing on the page that could be moved. */
  #change(period: (nowMs: number) => Period): void {
    const nowMs = this.#now();
    if (nowMs !== null) this.#choose(period(nowMs));
  }

  #choose(period: Period): void {
    // Charts that share a cursor all report the same mark.
    if (periodQuery(period) === periodQuery(this.#period)) return;
    this.#period = period;
    window.history.pushState(null, "", window.location.pathname + periodQuery(period));
    void this.#load();
  }

  async #load(): Promise<void> {
    this.#mark();
    this.#asked += 1;
    const asked = this.#asked;
    const answer = await fetch(this.#address()).catch(() => null);
    // An answer to an earlier question must not replace that to a later one.
    if (!answer?.ok || asked !== this.#asked) return;
    this.#show((await answer.json()) as Answer);
  }

  #address(): string {
    const query = new URLSearchParams({ hours: String(this.#period.hours), buckets: String(BUCKETS) });
    for (const { quantity } of CHARTED) query.append("quantity", quantity);
    if (this.#period.endMs !== null) query.append("end_ms", String(this.#period.endMs));
    return `/api/v1/patients/${encodeURIComponent(this.#patient)}/trend?${query.toString()}`;
  }

  #show({ start_ms, end_ms, trends }: Answer): void {
    this.#drawnToMs = end_ms;
    this.#mark();
    CHARTED.forEach(({ quantity }, index) => {
      const trend = trends[quantity];
      if (trend) this.#charts[index]?.show(trend, start_ms, end_ms);
    });
    const moment = (ms: number): string => `${this.#formats.day(ms)} ${this.#formats.time(ms)}`;
    const words = { start: moment(start_ms), end: moment(end_ms) };
    setText(element("period"), text(this.#texts, "period.between", words));
    const between = `start_ms=${start_ms}&end_ms=${end_ms}`;
    void this.#showDiary(between, this.#asked);
    void this.#showSessions(between, this.#asked);
    void this.#showMarks(between, this.#asked);
  }

  async #showDiary(between: string, asked: number): Promise<void> {
    const dots = await this.#fetched<Dot>(`diary?${between}`, asked);
    if (dots === null) return;
    this.#charts[0]?.showDots(dots);
    this.#list("diary", dots.map((dot) => [dot.at_ms, this.#worse(dot)]));
  }

  async #showSessions(between: string, asked: number): Promise<void> {
    const sessions = await this.#fetched<Graded>(`spirometry?${between}`, asked);
    const place = CHARTED.findIndex(({ quantity }) => quantity === "fev1_l");
    if (sessions !== null) this.#charts[place]?.showGraded(sessions);
  }

  async #showMarks(between: string, asked: number): Promise<void> {
    const marks = await this.#fetched<Mark>(`marks?${between}`, asked);
    if (marks === null) return;
    for (const chart of this.#charts) chart.showMarks(marks);
    this.#list("marks", marks.map((mark) => [mark.at_ms, this.#said(mark)]));
  }

  /** What belongs to the period that is shown; null when the hub does not answer, or another period was chosen since. */
  async #fetched<Item>(address: string, asked: number): Promise<readonly Item[] | null> {
    const answer = await fetch(`/api/v1/patients/${encodeURIComponent(this.#patient)}/${address}`).catch(() => null);
    if (!answer?.ok || asked !== this.#asked) return null;
    return (await answer.json()) as readonly Item[];
  }

  #list(id: string, items: readonly (readonly [number, string])[]): void {
    const lines = items.map(([atMs, words]) => {
      const line = document.createElement("li");
      line.textContent = `${this.#formats.day(atMs)} ${this.#formats.time(atMs)}: ${words}`;
      return line;
    });
    element(id).hidden = items.length === 0;
    within(element(id), "ul").replaceChildren(...lines);
  }

  #said(mark: Mark): string {
    const words = mark.texts[this.#formats.language] ?? mark.texts["nb"] ?? "";
    return `${MARK_SHAPES[mark.kind]} ${text(this.#texts, `event.${mark.kind}`)}: ${words}`;
  }

  #worse(dot: Dot): string {
    const words = dot.worse.map((name) => text(this.#texts, `diary.worse.${name}`));
    return words.join(", ") || text(this.#texts, "diary.usual");
  }

  #mark(): void {
    const name = rangeName(this.#period);
    for (const button of element("ranges").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset["range"] === name));
    }
    (element("earlier") as HTMLButtonElement).disabled = this.#now() === null;
    (element("later") as HTMLButtonElement).disabled = this.#period.endMs === null;
  }
}
