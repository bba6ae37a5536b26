import { type Texts, text } from "../format/text.ts";
import { setState, setText, within } from "../page/data.ts";
import type { RowView } from "./row_view.ts";

/** Shapes that go with the states, so that colour is never alone. */
const SHAPES = { live: "●", taken: "✓", stale: "◌", invalid: "○", none: "–" } as const;

/** The cells of one patient's row. */
export class RowElement {
  readonly root: HTMLElement;
  readonly trend: HTMLElement;
  readonly #shape: HTMLElement;
  readonly #word: HTMLElement;
  readonly #name: HTMLElement;
  readonly #suitcase: HTMLElement;
  readonly #spo2: HTMLElement;
  readonly #pulse: HTMLElement;
  readonly #age: HTMLElement;
  readonly #remark: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
    this.trend = within(root, ".trend");
    this.#shape = within(root, ".shape");
    this.#word = within(root, ".word");
    this.#name = within(root, ".name");
    this.#suitcase = within(root, ".suitcase");
    this.#spo2 = within(root, ".spo2 .number");
    this.#pulse = within(root, ".pulse .number");
    this.#age = within(root, ".age");
    this.#remark = within(root, ".remark");
  }

  /** A new row from the page's template. */
  static create(template: HTMLTemplateElement, patient: string): RowElement {
    const root = within(template.content.cloneNode(true) as DocumentFragment, "tr");
    root.dataset["patient"] = patient;
    return new RowElement(root);
  }

  identify(name: string, suitcase: string): void {
    setText(this.#name, name);
    setText(this.#suitcase, suitcase);
  }

  show(view: RowView, texts: Texts): void {
    setState(this.root, view.freshness);
    const state = view.freshness === "live" && view.mode === "spot" ? "taken" : view.freshness;
    setText(this.#shape, SHAPES[state]);
    setText(this.#word, text(texts, `state.${state}`));
    setText(this.#spo2, view.spo2);
    setText(this.#pulse, view.pulse);
    setText(this.#age, view.age);
    setText(this.#remark, view.remark);
  }
}
