/** How often pictures are counted, and people told. */
export const LOOK_MS = 100;
/** A browser says "connected" for 7.5 s after the last packet. People are told within 1.5 s: a look to see the last picture, one to tell, and 100 ms for a page that is busy. */
export const FROZEN_AFTER_MS = 1200;
/** Then the connection is made anew: a link that only dips has mended itself before. */
export const ANEW_AFTER_MS = 10_000;
/** One that was made anew and shows nothing gets less time, and more at each try: a slow link needs it. */
const RETRY_MS = 4000;
const RETRY_FACTOR = 1.5;

/** Watches whether pictures still come, and says when a new connection is due. */
export class FrameWatch {
  #lastMs: number | null = null;
  #shown = 0;
  #triedMs = 0;
  #retries = 0;

  /** From now on pictures are expected. */
  expect(nowMs: number): void {
    this.#lastMs ??= nowMs;
  }

  /** Nothing is expected: the patient gave no picture. */
  rest(): void {
    this.#lastMs = null;
  }

  /** So many pictures were shown so far; a new connection counts from 0. */
  counted(shown: number, nowMs: number): void {
    const moves = shown > this.#shown;
    this.#shown = shown;
    if (this.#lastMs === null || !moves) return;
    this.#lastMs = nowMs;
    this.#retries = 0;
  }

  /** A connection is being made. */
  tried(nowMs: number): void {
    if (this.frozenMs(nowMs) > 0) this.#retries += 1;
    this.#triedMs = nowMs;
  }

  /** For how long the picture has stood still; 0 while it moves. */
  frozenMs(nowMs: number): number {
    if (this.#lastMs === null) return 0;
    const silentMs = nowMs - this.#lastMs;
    return silentMs > FROZEN_AFTER_MS ? silentMs : 0;
  }

  /** Whether a new connection should be made now. */
  isDue(nowMs: number): boolean {
    if (this.#lastMs === null) return false;
    const patienceMs = this.#retries === 0 ? ANEW_AFTER_MS : RETRY_MS * RETRY_FACTOR ** (this.#retries - 1);
    return nowMs - Math.max(this.#lastMs, this.#triedMs) > Math.min(patienceMs, ANEW_AFTER_MS);
  }
}
