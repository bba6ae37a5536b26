import { type WardAlert, byPatient, isAcknowledged } from "./alert.ts";
import { type Ranked, rank } from "./order.ts";
import { type LiveRow, supersedes } from "./row.ts";

/** All that the page knows of the ward, as the hub last said it. */
export class WardState {
  readonly rows = new Map<string, LiveRow>();
  readonly #names: Intl.Collator;
  #alerts: ReadonlyMap<string, readonly WardAlert[]> = new Map();

  constructor(locale: string) {
    this.#names = new Intl.Collator(locale, { numeric: true });
  }

  takeSnapshot(rows: readonly LiveRow[]): void {
    this.rows.clear();
    for (const row of rows) this.rows.set(row.patient, row);
  }

  /** Whether the row replaced what was known. */
  takeReading(row: LiveRow): boolean {
    if (!supersedes(row, this.rows.get(row.patient))) return false;
    this.rows.set(row.patient, row);
    return true;
  }

  takeAlerts(alerts: readonly WardAlert[]): void {
    this.#alerts = byPatient(alerts);
  }

  /** The open alerts of one patient, the most urgent first. */
  alertsOf(patient: string): readonly WardAlert[] {
    return this.#alerts.get(patient) ?? [];
  }

  allAlerts(): readonly WardAlert[] {
    return [...this.#alerts.values()].flat();
  }

  ranked(row: LiveRow): Ranked {
    const [worst] = this.alertsOf(row.patient);
    return {
      patient: row.patient,
      name: row.display_name,
      band: worst?.priority ?? "rest",
      acknowledged: worst !== undefined && isAcknowledged(worst),
      raisedMs: worst?.raised_ms ?? null,
    };
  }

  /** Patients in the order in which they should stand. */
  order(): string[] {
    return rank([...this.rows.values()].map((row) => this.ranked(row)), this.#names);
  }
}
