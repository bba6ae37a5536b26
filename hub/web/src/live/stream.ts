import type { WardAlert } from "../model/alert.ts";
import type { LiveRow } from "../model/row.ts";

/** What the page hears from the hub. */
export interface StreamHandlers {
  readonly onSnapshot: (rows: readonly LiveRow[], serverMs: number) => void;
  readonly onReading: (row: LiveRow) => void;
  /** Every open alert, whenever one changes. */
  readonly onAlerts: (alerts: readonly WardAlert[]) => void;
  readonly onHeartbeat: (serverMs: number) => void;
  /** The hub refused the stream; perhaps the session has ended. */
  readonly onRefused: () => void;
}

/** Wait between a refused or dead stream and the next try; jitter keeps a ward's screens apart. */
const RETRY_FLOOR_MS = 1000;
const RETRY_SPREAD_MS = 2000;
/** A frozen server closes nothing: after this long without an event the stream is opened anew. */
const DEAD_AFTER_MS = 10_000;

/** The live stream of the ward; opens itself again, and takes up after the last event that it has. */
export class LiveStream {
  readonly #url: string;
  readonly #handlers: StreamHandlers;
  #source: EventSource | null = null;
  #lastId = "";
  #retry: number | undefined;
  #deadline: number | undefined;

  constructor(url: string, handlers: StreamHandlers) {
    this.#url = url;
    this.#handlers = handlers;
  }

  open(): void {
    this.close();
    const after = this.#lastId === "" ? "" : `?after=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(this.#url + after);
    this.#source = source;
    source.addEventListener("snapshot", (event) => {
      const { rows, server_ms } = this.#take(event) as { rows: LiveRow[]; server_ms: number };
      this.#handlers.onSnapshot(rows, server_ms);
    });
    source.addEventListener("reading", (event) => {
      this.#handlers.onReading(this.#take(event) as LiveRow);
    });
    source.addEventListener("alerts", (event) => {
      this.#handlers.onAlerts(this.#take(event) as WardAlert[]);
    });
    source.addEventListener("heartbeat", (event) => {
      this.#handlers.onHeartbeat((this.#take(event) as { server_ms: number }).server_ms);
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      this.#handlers.onRefused();
      this.#openLater();
    });
    this.#expectLife();
  }

  close(): void {
    window.clearTimeout(this.#retry);
    window.clearTimeout(this.#deadline);
    this.#source?.close();
    this.#source = null;
  }

  #take(event: MessageEvent<string>): unknown {
    this.#expectLife();
    if (event.lastEventId !== "") this.#lastId = event.lastEventId;
    return JSON.parse(event.data);
  }

  #expectLife(): void {
    window.clearTimeout(this.#deadline);
    this.#deadline = window.setTimeout(() => this.open(), DEAD_AFTER_MS);
  }

  #openLater(): void {
    this.close();
    const waitMs = RETRY_FLOOR_MS + Math.random() * RETRY_SPREAD_MS;
    this.#retry = window.setTimeout(() => this.open(), waitMs);
  }
}
