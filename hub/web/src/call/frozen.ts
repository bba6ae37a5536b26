/** A browser says "connected" for 7.5 s after the last packet; people see a frozen face after this. */
export const FROZEN_AFTER_MS = 1500;
/** Then the connection is made anew. */
export const ANEW_AFTER_MS = 10_000;

/** Watches whether pictures still come. */
export class FrameWatch {
  #lastMs: number | null = null;

  /** From now on pictures are expected: at the start, and after each new connection. */
  expect(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** Nothing is expected: the patient gave no picture. */
  rest(): void {
    this.#lastMs = null;
  }

  frame(nowMs: number): void {
    if (this.#lastMs !== null) this.#lastMs = nowMs;
  }

  /** For how long the picture has stood still; 0 while it moves. */
  frozenMs(nowMs: number): number {
    if (this.#lastMs === null) return 0;
    const silentMs = nowMs - this.#lastMs;
    return silentMs > FROZEN_AFTER_MS ? silentMs : 0;
  }
}
