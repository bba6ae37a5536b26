/**
 * The hub's time as this page can best know it, without ever reading the machine's own wall clock.
 *
 * Each message says what the hub's clock showed; `performance.now()` says when it got here. A message can
 * only be late, never early, so the largest difference seen is the closest to the truth. What is left of
 * the delay makes values look older than they are, never younger.
 */

/** Messages that count; at one heartbeat a second a clock set back at the hub is believed after 30 s. */
const REMEMBERED = 30;

export class ServerClock {
  readonly #offsetsMs: number[] = [];

  /** Note that the hub's clock showed `serverMs` in a message that arrived at `monotonicMs`. */
  observe(serverMs: number, monotonicMs: number): void {
    this.#offsetsMs.push(serverMs - monotonicMs);
    if (this.#offsetsMs.length > REMEMBERED) this.#offsetsMs.shift();
  }

  /** The hub's time, or null before the first message. */
  nowMs(monotonicMs: number): number | null {
    if (this.#offsetsMs.length === 0) return null;
    return Math.max(...this.#offsetsMs) + monotonicMs;
  }
}
