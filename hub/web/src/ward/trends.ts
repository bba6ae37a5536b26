import { type Texts, text } from "../format/text.ts";
import { HourTrend, type Trend } from "../model/trend.ts";
import type { LiveRow } from "../model/row.ts";
import { Sparkline } from "./sparkline.ts";

/** The most rows that the hub answers at once. */
const ROWS_AT_ONCE = 50;
/** A pixel of the drawing is about half a minute; drawing more often shows nothing new. */
const REDRAW_MS = 5000;

interface Answer {
  readonly trends: Readonly<Record<string, { readonly spo2_pct: Trend; readonly pulse_bpm: Trend }>>;
}

interface PatientTrend {
  readonly cell: HTMLElement;
  readonly spo2: HourTrend;
  readonly pulse: HourTrend;
  sparkline: Sparkline | null;
  drawnMs: number;
}

/** The small trends of all rows: loaded when they come into sight, then fed by the stream. */
export class WardTrends {
  readonly #texts: Texts;
  readonly #patients = new Map<string, PatientTrend>();
  readonly #observer: IntersectionObserver;

  constructor(texts: Texts) {
    this.#texts = texts;
    this.#observer = new IntersectionObserver((entries) => this.#sighted(entries));
    document.addEventListener("koffert-theme", () => this.#redraw());
  }

  add(patient: string, cell: HTMLElement): void {
    cell.dataset["trendOf"] = patient;
    const [spo2, pulse] = [new HourTrend(), new HourTrend()];
    this.#patients.set(patient, { cell, spo2, pulse, sparkline: null, drawnMs: 0 });
    this.#observer.observe(cell);
  }

  remove(patient: string): void {
    const known = this.#patients.get(patient);
    if (known === undefined) return;
    this.#observer.unobserve(known.cell);
    known.sparkline?.destroy();
    this.#patients.delete(patient);
  }

  /** Take what the hub has again, for every trend in use: something was missed. */
  reload(): void {
    const drawn = [...this.#patients].filter(([, { sparkline }]) => sparkline !== null);
    void this.#load(drawn.map(([patient]) => patient));
  }

  feed(row: LiveRow): void {
    const known = this.#patients.get(row.patient);
    if (known === undefined || row.measured_at_ms === null || row.quality <= 0) return;
    if (row.spo2_pct !== null) known.spo2.add(row.measured_at_ms, row.spo2_pct);
    if (row.pulse_bpm !== null) known.pulse.add(row.measured_at_ms, row.pulse_bpm);
  }

  draw(nowMs: number): void {
    const rowPx = parseFloat(getComputedStyle(document.body).getPropertyValue("--row-height"));
    for (const known of this.#patients.values()) {
      known.sparkline?.resize(rowPx);
      if (known.sparkline === null || Math.abs(nowMs - known.drawnMs) < REDRAW_MS) continue;
      known.sparkline.draw(nowMs, (values) => this.#describe(values));
      known.drawnMs = nowMs;
    }
  }

  #redraw(): void {
    for (const known of this.#patients.values()) known.drawnMs = 0;
  }

  #sighted(entries: readonly IntersectionObserverEntry[]): void {
    const sighted: string[] = [];
    for (const { isIntersecting, target } of entries) {
      const patient = (target as HTMLElement).dataset["trendOf"] ?? "";
      const known = this.#patients.get(patient);
      if (!isIntersecting || known === undefined || known.sparkline !== null) continue;
      known.sparkline = new Sparkline(known.cell, known.spo2, known.pulse);
      sighted.push(patient);
    }
    void this.#load(sighted);
  }

  async #load(patients: readonly string[]): Promise<void> {
    for (let from = 0; from < patients.length; from += ROWS_AT_ONCE) {
      const asked = patients.slice(from, from + ROWS_AT_ONCE);
      const query = new URLSearchParams(asked.map((patient) => ["patient", patient]));
      // Without an answer the trends grow from the stream; the next snapshot asks again.
      const answer = await fetch(`/api/v1/ward/trends?${query.toString()}`).catch(() => null);
      if (!answer?.ok) return;
      const { trends } = (await answer.json()) as Answer;
      for (const [patient, { spo2_pct, pulse_bpm }] of Object.entries(trends)) {
        const known = this.#patients.get(patient);
        if (known === undefined) continue;
        known.spo2.load(spo2_pct);
        known.pulse.load(pulse_bpm);
        known.drawnMs = 0;
      }
    }
  }

  #describe(values: readonly number[]): string {
    if (values.length === 0) return text(this.#texts, "trend.empty");
    const [low, high] = [Math.floor(Math.min(...values)), Math.floor(Math.max(...values))];
    return text(this.#texts, "trend.label", { low, high });
  }
}
