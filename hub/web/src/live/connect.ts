import { LIVE_URL, LiveStream, type OnMessage } from "./stream.ts";

/** A worker that says nothing for so long has died, or the hub has: either way a new start harms nothing. */
const REJOIN_AFTER_MS = 20_000;

/** Listen to the hub: through the worker that this browser's tabs share, or alone where there is none. */
export function connect(workerUrl: string, onMessage: OnMessage): void {
  if (typeof SharedWorker === "undefined") new LiveStream(LIVE_URL, onMessage).open();
  else new SharedStream(workerUrl, onMessage).join();
}

class SharedStream {
  readonly #workerUrl: string;
  readonly #onMessage: OnMessage;
  #port: MessagePort | null = null;
  #deadline: number | undefined;

  constructor(workerUrl: string, onMessage: OnMessage) {
    [this.#workerUrl, this.#onMessage] = [workerUrl, onMessage];
    window.addEventListener("pagehide", () => this.#leave());
    // Back from the browser's memory: the worker has forgotten this page.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.join();
    });
  }

  join(): void {
    this.#leave();
    const { port } = new SharedWorker(this.#workerUrl, { type: "module", name: "koffert-live" });
    port.addEventListener("message", (event: MessageEvent) => {
      this.#expectLife();
      this.#onMessage(event.data);
    });
    port.start();
    this.#port = port;
    this.#expectLife();
  }

  #leave(): void {
    window.clearTimeout(this.#deadline);
    this.#port?.postMessage("bye");
    this.#port?.close();
    this.#port = null;
  }

  #expectLife(): void {
    window.clearTimeout(this.#deadline);
    this.#deadline = window.setTimeout(() => this.join(), REJOIN_AFTER_MS);
  }
}
