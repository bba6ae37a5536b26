import { counted, text } from "../format/text.ts";
import { HeartbeatWatch } from "../model/watch.ts";
import { type PageData, element, setState, setText, within } from "../page/data.ts";
import { leaveIfLoggedOut } from "../page/session.ts";
import { registerMoment } from "./moment.ts";
import { type LogRecord, cells } from "./record.ts";

/** How often the register is asked for what is new: a caller waits longer for the operator to find the form. */
const ASK_MS = 1000;
const ANSWER_MS = 3000;
/** Rows that a page keeps; the older ones are a link away. */
const ROWS = 500;

/** What the server adds to the page of the register. */
export interface RegisterData extends PageData {
  readonly hub: string;
  /** The last record that the page holds. */
  readonly last: number;
  /** Whether the page shows the newest records, so that new ones belong to it. */
  readonly follow: boolean;
}

interface Answer {
  readonly records: readonly LogRecord[];
  readonly last: number;
  readonly more: boolean;
  readonly alarms: readonly string[];
}

/** The table as it grows: new rows come on top, but wait while someone points at the table. */
export class RegisterPage {
  readonly #data: RegisterData;
  readonly #moment = registerMoment();
  readonly #watch = new HeartbeatWatch();
  readonly #rows = element("records");
  readonly #waiting = element("waiting");
  #last: number;
  #held: LogRecord[] = [];
  #pointedAt = false;
  #alarms: string | null = null;

  constructor(data: RegisterData) {
    this.#data = data;
    this.#last = data.last;
  }

  start(): void {
    const table = this.#rows;
    table.addEventListener("pointerenter", () => (this.#pointedAt = true));
    table.addEventListener("pointerleave", () => {
      this.#pointedAt = false;
      this.#release();
    });
    table.addEventListener("focusout", () => window.setTimeout(() => this.#release()));
    this.#waiting.addEventListener("click", () => this.#insert());
    window.setInterval(() => this.#showLink(), ASK_MS / 4);
    void this.#follow();
  }

  async #follow(): Promise<never> {
    for (;;) {
      if (!document.hidden) await this.#ask();
      await new Promise((resolve) => window.setTimeout(resolve, ASK_MS));
    }
  }

  async #ask(): Promise<void> {
    const query = new URLSearchParams(window.location.search);
    query.set("after", String(this.#last));
    const address = `/api/v1/log/${encodeURIComponent(this.#data.hub)}?${query.toString()}`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
    if (answer?.status === 401) await leaveIfLoggedOut();
    if (!answer?.ok) return;
    this.#take((await answer.json()) as Answer);
  }

  #take(answer: Answer): void {
    this.#watch.beat({ monotonicMs: performance.now(), wallMs: Date.now() });
    // More than a page has come, or a hub fell silent or spoke again: the server draws that.
    const alarms = answer.alarms.join();
    if (answer.more || (this.#alarms !== null && alarms !== this.#alarms)) window.location.reload();
    this.#alarms = alarms;
    this.#last = answer.last;
    this.#held = [...answer.records, ...this.#held];
    this.#release();
  }

  #release(): void {
    if (this.#pointedAt || this.#rows.contains(document.activeElement)) this.#tell();
    else this.#insert();
  }

  #tell(): void {
    const count = this.#held.length;
    this.#waiting.hidden = count === 0;
    if (count > 0) setText(this.#waiting, counted(this.#data.texts, "log.waiting", count));
  }

  #insert(): void {
    const fresh = this.#held;
    this.#held = [];
    this.#tell();
    if (fresh.length === 0) return;
    element("empty").hidden = true;
    this.#rows.prepend(...fresh.map((record) => this.#row(record)));
    while (this.#rows.childElementCount > ROWS) this.#rows.lastElementChild?.remove();
  }

  #row(record: LogRecord): Node {
    const template = element("record") as HTMLTemplateElement;
    const row = within(template.content.cloneNode(true) as DocumentFragment, "tr");
    const link = within(row, "a") as HTMLAnchorElement;
    link.href = `/log/${encodeURIComponent(this.#data.hub)}/records/${record.sequence}`;
    const places = [link, ...[...row.children].slice(1)];
    cells(record, this.#data.texts, this.#moment).forEach((cell, index) => {
      const place = places[index];
      if (place) place.textContent = cell;
    });
    return row;
  }

  #showLink(): void {
    const silent = this.#watch.isSilent({ monotonicMs: performance.now(), wallMs: Date.now() });
    const state = silent ? "disconnected" : "connected";
    setState(element("connection"), state);
    setText(within(element("connection"), ".word"), text(this.#data.texts, `connection.${state}`));
  }
}
