import { Formats } from "../format/moment.ts";
import { type Texts, counted, text } from "../format/text.ts";
import type { WardAlert } from "../model/alert.ts";
import { matches } from "../model/filter.ts";
import { BANDS } from "../model/order.ts";
import type { LiveRow } from "../model/row.ts";
import { WardState } from "../model/ward_state.ts";
import { acknowledge } from "../page/acknowledge.ts";
import { remind } from "../page/remind.ts";
import { toAnswer } from "../page/answer.ts";
import { type PageData, element, setText } from "../page/data.ts";
import { HubLink } from "../page/hub_link.ts";
import { viewAlerts } from "./alert_view.ts";
import { FilterBar } from "./filter_bar.ts";
import { Keyboard } from "./keyboard.ts";
import { type WardList, listIn } from "./list.ts";
import type { RowElement } from "./row_element.ts";
import { viewRow } from "./row_view.ts";
import { AlarmSound } from "./sound.ts";
import { WardTrends } from "./trends.ts";

/** The ward list: takes what the hub says, and shows at each tick what of it may still be believed. */
export class Ward {
  readonly #data: PageData;
  readonly #texts: Texts;
  readonly #formats: Formats;
  readonly #state: WardState;
  readonly #trends: WardTrends;
  readonly #list: WardList;
  readonly #filters: FilterBar;
  readonly #sound: AlarmSound;
  readonly #link: HubLink;

  constructor(data: PageData) {
    this.#data = data;
    this.#texts = data.texts;
    this.#formats = new Formats(data.locale);
    this.#state = new WardState(data.locale);
    this.#trends = new WardTrends(data.texts);
    this.#sound = new AlarmSound(data.texts);
    this.#list = listIn(document, {
      onAdded: (row) => this.#adopt(row),
      onRemoved: (patient) => this.#trends.remove(patient),
      onReleased: () => this.#arrange(),
    });
    this.#filters = new FilterBar(data.texts, () => this.#link.tick());
    this.#link = new HubLink(data, this.#formats, {
      onSnapshot: (rows) => this.#takeSnapshot(rows),
      onReading: (row) => this.#takeReading(row),
      onAlerts: (alerts) => this.#takeAlerts(alerts),
      onTick: (nowMs, connected) => this.#render(nowMs, connected),
    });
  }

  start(): void {
    new Keyboard({
      rows: () => this.#list.visible(),
      focused: () => this.#list.focused(),
      acknowledge: (row) => void this.#acknowledge(row),
      search: () => this.#filters.focus(),
      arrange: () => this.#arrange(true),
    });
    element("waiting").addEventListener("click", () => this.#arrange(true));
    this.#link.open();
  }

  #takeSnapshot(rows: readonly LiveRow[]): void {
    this.#state.takeSnapshot(rows);
    setText(element("count"), counted(this.#texts, "ward.patients", rows.length));
    element("empty").hidden = rows.length > 0;
    this.#arrange();
    this.#trends.reload();
  }

  #takeReading(row: LiveRow): void {
    // Painted at the next tick: hundreds of patients are then one layout, not one each.
    this.#trends.feed(row);
    const isNew = !this.#state.rows.has(row.patient);
    if (this.#state.takeReading(row) && isNew) this.#arrange();
  }

  #takeAlerts(alerts: readonly WardAlert[]): void {
    this.#state.takeAlerts(alerts);
    this.#sound.take(alerts);
    this.#arrange();
  }

  #adopt(row: RowElement): void {
    this.#trends.add(row.patient, row.trend);
    row.acknowledge.addEventListener("click", () => {
      if (this.#list.settled) void this.#acknowledge(row);
    });
    row.remind.addEventListener("click", () => {
      if (this.#list.settled) void remind(row.patient, row.link.textContent ?? "", this.#data);
    });
    row.answer.addEventListener("click", (event) => {
      const { call } = viewAlerts(this.#state.alertsOf(row.patient), null, this.#texts, this.#formats);
      // Without a call it is only the key that comes here: to the page to ring from.
      if (!call) return;
      if (this.#list.settled) toAnswer(call);
      else event.preventDefault();
    });
  }

  #arrange(force = false): void {
    const wanted = this.#state.order();
    const { order, waiting } = this.#list.arrange(wanted, force);
    for (const row of this.#state.rows.values()) {
      this.#list.get(row.patient)?.identify(row);
    }
    document.documentElement.style.setProperty("--rows", String(order.length));
    this.#showWaiting(waiting, wanted[0]);
  }

  /** Say that rows wait; when the first of the list is an alert, say whose. */
  #showWaiting(waiting: number, first: string | undefined): void {
    const button = element("waiting");
    button.hidden = waiting === 0;
    if (waiting === 0 || first === undefined) return;
    const row = this.#state.rows.get(first);
    const band = row ? this.#state.ranked(row).band : "rest";
    const who = row && band !== "rest" ? ` · ${text(this.#texts, `state.${band}`)}: ${row.display_name}` : "";
    setText(button, counted(this.#texts, "ward.waiting", waiting) + who);
    button.dataset["band"] = band;
  }

  #render(nowMs: number | null, connected: boolean): void {
    let [shown, hiddenAlerts] = [0, 0];
    for (const row of this.#state.rows.values()) {
      if (this.#show(row, nowMs, connected)) shown += 1;
      else if (this.#state.alertsOf(row.patient).length > 0) hiddenAlerts += 1;
    }
    this.#filters.summarise(shown, this.#state.rows.size, hiddenAlerts);
    this.#sound.tick(connected);
    if (nowMs !== null) this.#trends.draw(nowMs);
    this.#entitle();
  }

  /** Bring one row up to date; tells whether the filter lets it be seen. */
  #show(row: LiveRow, nowMs: number | null, connected: boolean): boolean {
    const view = viewRow(row, nowMs, connected, this.#texts, this.#formats);
    const alert = viewAlerts(this.#state.alertsOf(row.patient), nowMs, this.#texts, this.#formats);
    const target = this.#list.get(row.patient);
    target?.show(view, alert, this.#texts);
    const { display_name: name, suitcase } = row;
    const seen = matches(
      { name, suitcase, band: alert.band, freshness: view.freshness },
      this.#filters.filter,
    );
    if (target && target.root.hidden === seen) target.root.hidden = !seen;
    return seen;
  }

  /** How many alerts nobody has taken, in the tab's title: seen also when another tab is in front. */
  #entitle(): void {
    const open = this.#state.allAlerts().filter((alert) => alert.acknowledged_ms === null);
    const worst = BANDS.find((band) => open.some((alert) => alert.priority === band));
    const mark = worst ? `(${open.length} ${text(this.#texts, `state.${worst}`)}) ` : "";
    const title = mark + document.title.replace(/^\(.*?\) /, "");
    if (document.title !== title) document.title = title;
  }

  async #acknowledge(row: RowElement): Promise<void> {
    const alert = this.#state.alertsOf(row.patient).find((open) => open.takeable && open.acknowledged_ms === null);
    if (alert) await acknowledge(alert, this.#data);
  }
}
