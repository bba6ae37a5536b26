import type { WardAlert } from "../model/alert.ts";
import { type LiveRow, supersedes } from "../model/row.ts";
import type { StreamMessage } from "./stream.ts";

/** What a page is given to speak through; a `MessagePort` in the worker. */
export interface Listener {
  postMessage(message: StreamMessage): void;
}

/** One stream heard by many pages: who comes later is told what the others know already. */
export class HubShare {
  readonly #listeners = new Set<Listener>();
  readonly #rows = new Map<string, LiveRow>();
  #alerts: readonly WardAlert[] | null = null;
  #complete = false;

  /** Pass on what the stream says, and remember it. */
  hear(message: StreamMessage): void {
    if (message.kind === "snapshot") this.#replace(message.rows);
    if (message.kind === "reading") this.#update(message.row);
    if (message.kind === "alerts") this.#alerts = message.alerts;
    for (const listener of this.#listeners) listener.postMessage(message);
  }

  /** A page has come: it gets all there is; the next heartbeat tells it that this is still true. */
  join(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#alerts) listener.postMessage({ kind: "alerts", alerts: this.#alerts });
    if (this.#complete) listener.postMessage({ kind: "snapshot", rows: [...this.#rows.values()] });
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  get idle(): boolean {
    return this.#listeners.size === 0;
  }

  #replace(rows: readonly LiveRow[]): void {
    this.#rows.clear();
    for (const row of rows) this.#rows.set(row.patient, row);
    this.#complete = true;
  }

  #update(row: LiveRow): void {
    if (supersedes(row, this.#rows.get(row.patient))) this.#rows.set(row.patient, row);
  }
}
