/** A heartbeat comes each second; after this long without one nothing on the page is trusted. */
export const SILENCE_LIMIT_MS = 4000;

/** One moment on both of this machine's clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/**
 * Whether the hub has been silent for so long that every value must be greyed out.
 *
 * Some machines stop the monotonic clock while they sleep. The wall clock goes on, so from look to look the
 * larger step counts: a laptop that wakes shows nothing as live, a wall clock set forward costs one grey
 * second, and one set back hides nothing. Only a heartbeat ends a silence.
 */
export class HeartbeatWatch {
  #looked: Moment | null = null;
  #silentMs = Infinity;

  beat(now: Moment): void {
    this.#looked = now;
    this.#silentMs = 0;
  }

  isSilent(now: Moment): boolean {
    if (this.#looked !== null) this.#silentMs += stepMs(this.#looked, now);
    this.#looked = now;
    return this.#silentMs > SILENCE_LIMIT_MS;
  }
}

function stepMs(from: Moment, to: Moment): number {
  return Math.max(to.monotonicMs - from.monotonicMs, to.wallMs - from.wallMs);
}
