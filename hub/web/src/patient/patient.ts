import { Formats } from "../format/moment.ts";
import { byPatient } from "../model/alert.ts";
import { type LiveRow, supersedes } from "../model/row.ts";
import { type PageData, element, setState, setText, within } from "../page/data.ts";
import { HubLink } from "../page/hub_link.ts";
import { acknowledge } from "../page/acknowledge.ts";
import { viewRow } from "../ward/row_view.ts";
import type { Guide } from "./guide.ts";
import { AlertList } from "./alert_list.ts";
import { PulseWave } from "./pulse_wave.ts";
import { PatientTrends } from "./trends.ts";

/** What the server adds to the page of one patient. */
export interface PatientData extends PageData {
  readonly patient: string;
  readonly guides: Readonly<Record<string, Guide>>;
}

/** The page of one patient: live numbers under the same rules as on the ward, alerts, trends. */
export class PatientPage {
  readonly #data: PatientData;
  readonly #formats: Formats;
  readonly #alerts: AlertList;
  readonly #link: HubLink;
  readonly #wave: PulseWave;
  readonly #now = element("now");
  #row: LiveRow | undefined;
  #onWard = true;

  constructor(data: PatientData) {
    this.#data = data;
    this.#formats = new Formats(data.locale);
    this.#alerts = new AlertList(data.texts, this.#formats, (alert) => void acknowledge(alert, data));
    this.#wave = new PulseWave(data.patient, data.texts, () => this.#link.nowMs);
    this.#link = new HubLink(data, this.#formats, {
      onSnapshot: (rows) => this.#takeSnapshot(rows),
      onReading: (row) => this.#takeReading(row),
      onAlerts: (alerts) => this.#alerts.take(byPatient(alerts).get(data.patient) ?? []),
      onTick: (nowMs, connected) => this.#render(nowMs, connected),
    });
  }

  start(): void {
    const { patient, guides, texts } = this.#data;
    new PatientTrends(patient, guides, texts, this.#formats, () => this.#link.nowMs).start();
    this.#wave.start();
    this.#link.open();
  }

  #takeSnapshot(rows: readonly LiveRow[]): void {
    const row = rows.find((known) => known.patient === this.#data.patient);
    this.#onWard = row !== undefined;
    element("gone").hidden = this.#onWard;
    if (row) this.#row = row;
  }

  #takeReading(row: LiveRow): void {
    if (row.patient !== this.#data.patient || !supersedes(row, this.#row)) return;
    this.#row = row;
    this.#render(this.#link.nowMs, this.#link.connected);
  }

  #render(nowMs: number | null, connected: boolean): void {
    this.#alerts.tick(nowMs);
    this.#wave.tick(nowMs, connected && this.#onWard);
    if (this.#row === undefined) return;
    const view = viewRow(this.#row, nowMs, connected && this.#onWard, this.#data.texts, this.#formats);
    setState(this.#now, view.freshness);
    setText(within(this.#now, ".spo2 .number"), view.spo2);
    setText(within(this.#now, ".pulse .number"), view.pulse);
    setText(within(this.#now, ".age"), view.age);
    setText(within(this.#now, ".remark"), view.remark);
  }
}
