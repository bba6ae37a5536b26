/** A heartbeat comes each second; after this long without one nothing on the page is trusted. */
export const SILENCE_LIMIT_MS = 4000;

/** One moment on both of this machine's clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/**
 * How long nothing has been heard since `last`.
 *
 * Some machines stop the monotonic clock while they sleep. The wall clock goes on, so the larger of the two
 * is taken: a laptop that wakes shows nothing as live, and a wall clock set forward costs one grey second.
 */
export function silentForMs(last: Moment, now: Moment): number {
  return Math.max(now.monotonicMs - last.monotonicMs, now.wallMs - last.wallMs);
}

/** Whether the hub has been silent for so long that every value must be greyed out. */
export function isSilent(last: Moment | null, now: Moment): boolean {
  return last === null || silentForMs(last, now) > SILENCE_LIMIT_MS;
}
