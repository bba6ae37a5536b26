import { Formats } from "../format/moment.ts";
import { text } from "../format/text.ts";
import { type LiveRow, supersedes } from "../model/row.ts";
import { type PageData, element, setState, setText, within } from "../page/data.ts";
import { HubLink } from "../page/hub_link.ts";
import { viewRow } from "../ward/row_view.ts";
import { PulseWave } from "../patient/pulse_wave.ts";
import { answers } from "../page/answer.ts";
import { post } from "../page/session.ts";
import { bindDesk } from "./desk.ts";
import { Beside } from "./beside.ts";
import { staffDoor } from "./line.ts";
import type { Peer } from "./peer.ts";
import { type Totals, between, judge, totals } from "./quality.ts";
import { Stage } from "./stage.ts";

/** What the server adds to the page of a call. */
export interface CallPageData extends PageData {
  readonly patient: string;
}

const STATS_MS = 2000;

/** The page of a call: the patient's picture, and the numbers beside it under the same rules as on the ward. */
export class CallPage {
  readonly #data: CallPageData;
  readonly #formats: Formats;
  readonly #link: HubLink;
  readonly #stage: Stage;
  readonly #wave: PulseWave;
  readonly #now = element("now");
  #row: LiveRow | undefined;
  #before: { readonly peer: Peer; readonly totals: Totals } | null = null;

  constructor(data: CallPageData) {
    this.#data = data;
    this.#formats = new Formats(data.locale);
    this.#wave = new PulseWave(data.patient, data.texts, () => this.#link.nowMs);
    this.#link = new HubLink(data, this.#formats, {
      onSnapshot: (rows) => this.#takeRow(rows.find((row) => row.patient === data.patient)),
      onReading: (row) => this.#takeRow(row.patient === data.patient ? row : undefined),
      onAlerts: () => undefined,
      onTick: (nowMs, connected) => this.#renderNumbers(nowMs, connected),
    });
    this.#stage = new Stage(data.texts, {
      onState: () => undefined,
      onInvited: (kind, token) => desk.showInvitation(kind, token),
      onOver: () => {
        setText(element("line"), "");
        desk.clear();
      },
    });
    const desk = bindDesk(this.#stage, data);
  }

  start(): void {
    this.#link.open();
    this.#wave.start();
    new Beside("blow", this.#data.patient).start();
    new Beside("ecg", this.#data.patient).start();
    element("ring").addEventListener("click", () => this.#ring());
    element("hang-up").addEventListener("click", () => this.#stage.session?.hangUp());
    element("caption").addEventListener("change", (event) => {
      this.#stage.session?.say((event.target as HTMLInputElement).value);
    });
    window.setInterval(() => void this.#measureLine(), STATS_MS);
    const alert = answers(this.#data.patient);
    if (alert !== null) {
      void post(`/api/v1/alerts/${encodeURIComponent(alert)}/acknowledge`, this.#data.csrf);
      this.#ring();
    }
  }

  #ring(): void {
    void this.#stage.open(staffDoor(this.#data.patient));
  }

  async #measureLine(): Promise<void> {
    const peer = this.#stage.session?.peer;
    if (!peer) return;
    const after = totals(await peer.report());
    if (this.#before?.peer === peer && this.#stage.session?.peer === peer) {
      const stats = between(this.#before.totals, after);
      const verdict = judge(stats, this.#stage.state?.sending?.[1] ?? null);
      const line = element("line");
      setState(line, verdict);
      setText(line, text(this.#data.texts, `call.line.${verdict}`, {
        seconds: this.#formats.number((stats.roundTripMs ?? 0) / 1000),
        percent: String(Math.round(100 * Math.max(stats.loss, stats.madeUp))),
      }));
    }
    this.#before = { peer, totals: after };
  }

  #takeRow(row: LiveRow | undefined): void {
    if (row === undefined || !supersedes(row, this.#row)) return;
    this.#row = row;
    this.#renderNumbers(this.#link.nowMs, this.#link.connected);
  }

  #renderNumbers(nowMs: number | null, connected: boolean): void {
    this.#wave.tick(nowMs, connected);
    if (this.#row === undefined) return;
    const view = viewRow(this.#row, nowMs, connected, this.#data.texts, this.#formats);
    setState(this.#now, view.freshness);
    setText(within(this.#now, ".spo2 .number"), view.spo2);
    setText(within(this.#now, ".pulse .number"), view.pulse);
    setText(within(this.#now, ".age"), view.age);
    setText(within(this.#now, ".remark"), view.remark);
  }
}
