/** One second or so of the pulse wave, as the hub passes it on; `at_ms` is when the first sample was taken. */
export interface WaveBlock {
  readonly at_ms: number;
  readonly rate_hz: number;
  readonly samples: readonly number[];
}

/** A run of samples without a gap. */
export interface Run {
  readonly startMs: number;
  readonly stepMs: number;
  readonly samples: number[];
}

/** What is on the screen. */
export const WINDOW_MS = 8000;
/** Blocks come a second at a time and need a moment on their way: the picture is this far behind the finger. */
export const BEHIND_MS = 2500;
/** As for every value: what ended longer ago than this is not from now. */
export const STALE_MS = 4000;
const KEPT_MS = WINDOW_MS + BEHIND_MS + STALE_MS;
/** A radio delivers early or late; blocks that meet within this follow each other. */
const JITTER_MS = 300;

/** The last seconds of one patient's wave. */
export class WaveBuffer {
  #runs: Run[] = [];

  add(block: WaveBlock): void {
    if (!(block.rate_hz > 0) || block.samples.length === 0) return;
    const last = this.#runs.at(-1);
    const stepMs = 1000 / block.rate_hz;
    if (last && block.at_ms < endMs(last) - JITTER_MS) return;
    if (last && last.stepMs === stepMs && Math.abs(block.at_ms - endMs(last)) <= JITTER_MS) last.samples.push(...block.samples);
    else this.#runs.push({ startMs: block.at_ms, stepMs, samples: [...block.samples] });
    this.#forgetBefore(this.newestMs - KEPT_MS);
  }

  /** When the newest sample was taken; minus infinity before the first. */
  get newestMs(): number {
    const last = this.#runs.at(-1);
    return last ? endMs(last) : Number.NEGATIVE_INFINITY;
  }

  isStale(nowMs: number): boolean {
    return nowMs - this.newestMs > STALE_MS;
  }

  /** What the picture that ends at `untilMs` shows. */
  until(untilMs: number): readonly Run[] {
    return this.#runs.filter((run) => run.startMs <= untilMs && endMs(run) >= untilMs - WINDOW_MS);
  }

  /** Lowest and highest of all that is kept, so that the height is steady from beat to beat; null without samples. */
  get range(): readonly [number, number] | null {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { samples } of this.#runs) for (const sample of samples) [low, high] = [Math.min(low, sample), Math.max(high, sample)];
    return low <= high ? [low, high] : null;
  }

  #forgetBefore(ms: number): void {
    this.#runs = this.#runs.filter((run) => endMs(run) >= ms);
    const [first] = this.#runs;
    if (first === undefined) return;
    const old = Math.floor((ms - first.startMs) / first.stepMs);
    if (old > 0) this.#runs[0] = { ...first, startMs: first.startMs + old * first.stepMs, samples: first.samples.slice(old) };
  }
}

function endMs(run: Run): number {
  return run.startMs + run.samples.length * run.stepMs;
}
