import { type Texts, text } from "../format/text.ts";
import type { Band } from "../model/order.ts";
import type { LiveRow } from "../model/row.ts";
import { setState, setText, within } from "../page/data.ts";
import type { AlertView } from "./alert_view.ts";
import type { RowView } from "./row_view.ts";

/** Shapes that go with the words, so that colour is never alone. */
export const SHAPES = {
  live: "●",
  taken: "✓",
  stale: "◌",
  invalid: "○",
  none: "–",
  red: "▲▲▲",
  yellow: "▲▲",
  blue: "▲",
} as const;

/** The cells of one patient's row. */
export class RowElement {
  readonly root: HTMLElement;
  readonly trend: HTMLElement;
  readonly link: HTMLAnchorElement;
  readonly acknowledge: HTMLButtonElement;
  readonly remind: HTMLButtonElement;
  readonly answer: HTMLAnchorElement;
  readonly #shape: HTMLElement;
  readonly #word: HTMLElement;
  readonly #suitcase: HTMLElement;
  readonly #spo2: HTMLElement;
  readonly #pulse: HTMLElement;
  readonly #age: HTMLElement;
  readonly #cause: HTMLElement;
  readonly #status: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
    this.trend = within(root, ".trend");
    this.link = within(root, ".name") as HTMLAnchorElement;
    this.acknowledge = within(root, ".acknowledge") as HTMLButtonElement;
    this.remind = within(root, ".remind") as HTMLButtonElement;
    this.answer = within(root, ".answer") as HTMLAnchorElement;
    this.#shape = within(root, ".shape");
    this.#word = within(root, ".word");
    this.#suitcase = within(root, ".suitcase");
    this.#spo2 = within(root, ".spo2 .number");
    this.#pulse = within(root, ".pulse .number");
    this.#age = within(root, ".age");
    this.#cause = within(root, ".cause");
    this.#status = within(root, ".status");
  }

  /** A new row from the page's template. */
  static create(template: HTMLTemplateElement, patient: string): RowElement {
    const root = within(template.content.cloneNode(true) as DocumentFragment, "tr");
    root.dataset["patient"] = patient;
    return new RowElement(root);
  }

  get patient(): string {
    return this.root.dataset["patient"] ?? "";
  }

  identify({ display_name: name, suitcase, marks }: LiveRow): void {
    setText(this.link, name);
    this.link.href = `/patients/${encodeURIComponent(this.patient)}`;
    this.answer.href = `${this.link.href}/call`;
    setText(this.#suitcase, suitcase);
    this.root.dataset["marks"] = marks.join(" ");
  }

  show(view: RowView, alert: AlertView, texts: Texts): void {
    setState(this.root, view.freshness);
    this.#showBand(alert, view.unread);
    const taken = view.freshness === "live" && view.mode === "spot" ? "taken" : view.freshness;
    const state = alert.band === "rest" ? taken : alert.band;
    setText(this.#shape, SHAPES[state]);
    setText(this.#word, text(texts, `state.${state}`));
    setText(this.#spo2, view.spo2);
    setText(this.#pulse, view.pulse);
    setText(this.#age, view.age);
    setText(this.#cause, alert.cause || view.remark);
    const remark = alert.cause ? view.remark : "";
    setText(this.#status, [alert.status, remark, view.marks].filter(Boolean).join(" · "));
  }

  #showBand(alert: AlertView, unread: boolean): void {
    const band: Band = alert.band;
    if (this.root.dataset["band"] !== band) this.root.dataset["band"] = band;
    const taken = String(alert.acknowledged);
    if (this.root.dataset["acknowledged"] !== taken) this.root.dataset["acknowledged"] = taken;
    // One button to a row: a reminder that is on its way leaves room to take the alert.
    const reminds = alert.reminds && !unread;
    if (this.remind.hidden === reminds) this.remind.hidden = !reminds;
    const open = alert.takeable && !reminds;
    if (this.acknowledge.hidden === open) this.acknowledge.hidden = !open;
    const calls = alert.call !== null;
    if (this.answer.hidden === calls) this.answer.hidden = !calls;
  }
}
