import type { WardAlert } from "../model/alert.ts";
import type { LiveRow } from "../model/row.ts";

/** One thing that the hub says, or that is said of the stream itself. */
export type StreamMessage =
  | { readonly kind: "snapshot"; readonly rows: readonly LiveRow[] }
  | { readonly kind: "reading"; readonly row: LiveRow }
  /** Every open alert, whenever one changes. */
  | { readonly kind: "alerts"; readonly alerts: readonly WardAlert[] }
  | { readonly kind: "heartbeat"; readonly serverMs: number }
  /** The hub refused the stream; perhaps the session has ended. */
  | { readonly kind: "refused" };

export type OnMessage = (message: StreamMessage) => void;

/** Where the hub speaks. */
export const LIVE_URL = "/api/v1/live";

/** Wait between a refused or dead stream and the next try; jitter keeps a ward's screens apart. */
const RETRY_FLOOR_MS = 1000;
const RETRY_SPREAD_MS = 2000;
/** A frozen server closes nothing: after this long without an event the stream is opened anew. */
const DEAD_AFTER_MS = 10_000;

/** The live stream of the ward; opens itself again, and takes up after the last event that it has. */
export class LiveStream {
  readonly #url: string;
  readonly #onMessage: OnMessage;
  #source: EventSource | null = null;
  #lastId = "";
  #retry: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, onMessage: OnMessage) {
    this.#url = url;
    this.#onMessage = onMessage;
  }

  open(): void {
    this.close();
    const after = this.#lastId === "" ? "" : `?after=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(this.#url + after);
    this.#source = source;
    source.addEventListener("snapshot", (event) => {
      const { rows } = this.#take(event) as { rows: LiveRow[] };
      this.#onMessage({ kind: "snapshot", rows });
    });
    source.addEventListener("reading", (event) => {
      this.#onMessage({ kind: "reading", row: this.#take(event) as LiveRow });
    });
    source.addEventListener("alerts", (event) => {
      this.#onMessage({ kind: "alerts", alerts: this.#take(event) as WardAlert[] });
    });
    source.addEventListener("heartbeat", (event) => {
      const { server_ms: serverMs } = this.#take(event) as { server_ms: number };
      this.#onMessage({ kind: "heartbeat", serverMs });
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      this.#onMessage({ kind: "refused" });
      this.#openLater();
    });
    this.#expectLife();
  }

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#deadline);
    this.#source?.close();
    this.#source = null;
  }

  #take(event: MessageEvent<string>): unknown {
    this.#expectLife();
    if (event.lastEventId !== "") this.#lastId = event.lastEventId;
    return JSON.parse(event.data);
  }

  #expectLife(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.open(), DEAD_AFTER_MS);
  }

  #openLater(): void {
    this.close();
    const waitMs = RETRY_FLOOR_MS + Math.random() * RETRY_SPREAD_MS;
    this.#retry = setTimeout(() => this.open(), waitMs);
  }
}
