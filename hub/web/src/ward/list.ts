import { type Settled, settle } from "../model/order.ts";
import { within } from "../page/data.ts";
import { RowElement } from "./row_element.ts";

/** A click so soon after rows have moved was meant for another row. */
const SETTLED_AFTER_MS = 500;

/** What the list does for whoever puts it on a page. */
export interface ListHandlers {
  readonly onAdded: (row: RowElement) => void;
  readonly onRemoved: (patient: string) => void;
  /** The pointer or the focus has left: what waited may move now. */
  readonly onReleased: () => void;
}

/** The rows on the screen; they move only while nobody points at them or has the focus in them. */
export class WardList {
  readonly #body: HTMLElement;
  readonly #template: HTMLTemplateElement;
  readonly #handlers: ListHandlers;
  readonly #elements = new Map<string, RowElement>();
  #order: readonly string[] = [];
  #pointed = false;
  #movedAtMs = -SETTLED_AFTER_MS;

  constructor(body: HTMLElement, template: HTMLTemplateElement, handlers: ListHandlers) {
    this.#body = body;
    this.#template = template;
    this.#handlers = handlers;
    for (const root of body.querySelectorAll<HTMLElement>("tr")) this.#adopt(new RowElement(root));
    this.#order = [...this.#elements.keys()];
    body.addEventListener("pointerenter", () => (this.#pointed = true));
    body.addEventListener("pointerleave", () => {
      this.#pointed = false;
      this.#release();
    });
    body.addEventListener("focusout", () => queueMicrotask(() => this.#release()));
  }

  /** Whether rows must stay where they are. */
  get held(): boolean {
    return this.#pointed || this.#body.contains(document.activeElement);
  }

  /** Whether the rows have stood still long enough for a click to mean the row under it. */
  get settled(): boolean {
    return performance.now() - this.#movedAtMs >= SETTLED_AFTER_MS;
  }

  get(patient: string): RowElement | undefined {
    return this.#elements.get(patient);
  }

  /** The rows that are shown, from the top. */
  visible(): readonly RowElement[] {
    const rows = this.#order.map((patient) => this.#elements.get(patient));
    return rows.filter((row) => row !== undefined).filter((row) => !row.root.hidden);
  }

  focused(): RowElement | undefined {
    const root = document.activeElement?.closest<HTMLElement>("tr[data-patient]");
    return root ? this.#elements.get(root.dataset["patient"] ?? "") : undefined;
  }

  /** Stand in the wanted order as far as nobody is in the way; return how many rows wait. */
  arrange(wanted: readonly string[], force = false): Settled {
    const settled = settle(this.#order, wanted, this.held && !force);
    for (const patient of settled.order) this.#ensure(patient);
    if (settled.order.join("\n") !== this.#order.join("\n")) this.#move(settled.order);
    return settled;
  }

  #move(order: readonly string[]): void {
    const present = new Set(order);
    for (const patient of this.#order) if (!present.has(patient)) this.#drop(patient);
    const focused = document.activeElement;
    let next = this.#body.firstElementChild;
    for (const patient of order) {
      const root = this.#elements.get(patient)?.root;
      if (root === undefined) continue;
      if (root === next) next = next.nextElementSibling;
      else this.#body.insertBefore(root, next);
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus();
    this.#order = order;
    this.#movedAtMs = performance.now();
  }

  #ensure(patient: string): void {
    if (this.#elements.has(patient)) return;
    const row = RowElement.create(this.#template, patient);
    this.#body.append(row.root);
    this.#adopt(row);
  }

  #adopt(row: RowElement): void {
    this.#elements.set(row.patient, row);
    this.#handlers.onAdded(row);
  }

  #drop(patient: string): void {
    this.#handlers.onRemoved(patient);
    this.#elements.get(patient)?.root.remove();
    this.#elements.delete(patient);
  }

  #release(): void {
    if (!this.held) this.#handlers.onReleased();
  }
}

export function listIn(page: ParentNode, handlers: ListHandlers): WardList {
  const template = within(page, "#row") as HTMLTemplateElement;
  return new WardList(within(page, "#rows"), template, handlers);
}
