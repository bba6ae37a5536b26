import { element, setText } from "./page/data.ts";

const ASK_EVERY_MS = 10_000;
// One answer may get lost on the way; two in a row are a link that is gone.
const LOST_AFTER = 2;

/** Ask whether the unit was sent more than this page shows, and show it; say so when nobody answers. */
class Inbox {
  readonly #line = element("arrival");
  #unanswered = 0;

  start(): void {
    setInterval(() => void this.#ask(), ASK_EVERY_MS);
  }

  async #ask(): Promise<void> {
    const newest = await this.#newest();
    this.#unanswered = newest === null ? this.#unanswered + 1 : 0;
    if (newest !== null && newest > Number(this.#line.dataset["newest"])) location.reload();
    setText(this.#line, this.#unanswered >= LOST_AFTER ? (this.#line.dataset["lost"] ?? "") : "");
  }

  async #newest(): Promise<number | null> {
    try {
      const answer = await fetch("/api/v1/received", { signal: AbortSignal.timeout(ASK_EVERY_MS) });
      if (answer.status === 401) location.reload();
      return answer.ok ? ((await answer.json()) as { newest: number }).newest : null;
    } catch {
      return null;
    }
  }
}

new Inbox().start();
