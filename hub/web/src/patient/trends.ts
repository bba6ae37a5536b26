import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { type Period, RANGES, type RangeName, marked, moved, parsePeriod, periodQuery, rangeName } from "../model/period.ts";
import type { Dot, Guide } from "./guide.ts";
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
      this.#choose(marked(startMs, endMs, this.#now())),
    );
  }

  #move(by: -1 | 1): void {
    this.#choose(moved(this.#period, by, this.#now()));
  }

  #now(): number {
    // Before the hub has told the time there is nothing on the page that could be moved.
    return this.#nowMs() ?? this.#period.endMs ?? 0;
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
    CHARTED.forEach(({ quantity }, index) => {
      const trend = trends[quantity];
      if (trend) this.#charts[index]?.show(trend, start_ms, end_ms);
    });
    const moment = (ms: number): string => `${this.#formats.day(ms)} ${this.#formats.time(ms)}`;
    const words = { start: moment(start_ms), end: moment(end_ms) };
    setText(element("period"), text(this.#texts, "period.between", words));
    void this.#showDiary(start_ms, end_ms, this.#asked);
  }

  async #showDiary(startMs: number, endMs: number, asked: number): Promise<void> {
    const address = `/api/v1/patients/${encodeURIComponent(this.#patient)}/diary?start_ms=${startMs}&end_ms=${endMs}`;
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok || asked !== this.#asked) return;
    const dots = (await answer.json()) as readonly Dot[];
    this.#charts[0]?.showDots(dots);
    const lines = dots.map((dot) => {
      const line = document.createElement("li");
      line.textContent = `${this.#formats.day(dot.at_ms)} ${this.#formats.time(dot.at_ms)}: ${this.#worse(dot)}`;
      return line;
    });
    element("diary").hidden = dots.length === 0;
    within(element("diary"), "ul").replaceChildren(...lines);
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
    (element("later") as HTMLButtonElement).disabled = this.#period.endMs === null;
  }
}
