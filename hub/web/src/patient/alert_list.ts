import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import type { WardAlert } from "../model/alert.ts";
import { element, setText, within } from "../page/data.ts";
import { viewAlerts } from "../ward/alert_view.ts";
import { toAnswer } from "../page/answer.ts";
import { bindWhy } from "./why.ts";
import { SHAPES } from "../ward/row_element.ts";

/** The open alerts of one patient, each with its reason. */
export class AlertList {
  readonly #texts: Texts;
  readonly #formats: Formats;
  readonly #onTake: (alert: WardAlert) => void;
  readonly #template = element("alert") as HTMLTemplateElement;
  readonly #items = new Map<string, HTMLElement>();
  #alerts: readonly WardAlert[] = [];

  constructor(texts: Texts, formats: Formats, onTake: (alert: WardAlert) => void) {
    [this.#texts, this.#formats, this.#onTake] = [texts, formats, onTake];
  }

  take(alerts: readonly WardAlert[]): void {
    this.#alerts = alerts;
    const open = new Set(alerts.map((alert) => alert.id));
    for (const [id, item] of this.#items) {
      if (open.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const alert of alerts) if (!this.#items.has(alert.id)) this.#add(alert);
    element("no-alerts").hidden = alerts.length > 0;
  }

  tick(nowMs: number | null): void {
    for (const alert of this.#alerts) {
      const item = this.#items.get(alert.id);
      if (item) this.#show(item, alert, nowMs);
    }
  }

  #add(alert: WardAlert): void {
    const item = within(this.#template.content.cloneNode(true) as DocumentFragment, "li");
    within(item, ".acknowledge").addEventListener("click", () => this.#onTake(alert));
    within(item, ".answer").addEventListener("click", () => toAnswer(alert));
    bindWhy(within(item, ".why") as HTMLDetailsElement, alert.id, this.#texts, this.#formats);
    this.#items.set(alert.id, item);
    element("alerts").append(item);
  }

  #show(item: HTMLElement, alert: WardAlert, nowMs: number | null): void {
    const view = viewAlerts([alert], nowMs, this.#texts, this.#formats);
    item.dataset["band"] = view.band;
    item.dataset["acknowledged"] = String(view.acknowledged);
    setText(within(item, ".shape"), SHAPES[alert.priority]);
    setText(within(item, ".word"), text(this.#texts, `state.${alert.priority}`));
    setText(within(item, ".cause"), view.cause);
    setText(within(item, ".status"), view.status);
    within(item, ".acknowledge").hidden = !view.takeable;
    within(item, ".answer").hidden = view.call === null;
  }
}
