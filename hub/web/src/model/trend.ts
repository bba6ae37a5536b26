/** One quantity over time as the hub answers it; a bucket without a value is null. */
export interface Trend {
  readonly t_ms: readonly number[];
  readonly minimum: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly maximum: readonly (number | null)[];
  readonly count: readonly number[];
}

/** The last hour, a bucket a minute; the newest is last. */
export const TREND_MS = 60 * 60 * 1000;
export const TREND_BUCKETS = 60;
const BUCKET_MS = TREND_MS / TREND_BUCKETS;

interface Bucket {
  sum: number;
  count: number;
}

/** The means of one quantity over the last hour, fed by the hub's trend and then by each live value. */
export class HourTrend {
  readonly #buckets = new Map<number, Bucket>();

  /** Take the hub's answer; what came live meanwhile stays where the hub knows nothing. */
  load(trend: Trend): void {
    trend.t_ms.forEach((tMs, index) => {
      const mean = trend.mean[index];
      const count = trend.count[index] ?? 0;
      if (mean == null || count === 0) return;
      this.#buckets.set(Math.floor(tMs / BUCKET_MS), { sum: mean * count, count });
    });
  }

  add(tMs: number, value: number): void {
    const index = Math.floor(tMs / BUCKET_MS);
    const bucket = this.#buckets.get(index) ?? this.#begin(index);
    bucket.sum += value;
    bucket.count += 1;
  }

  /** The hour up to `endMs`: times in seconds and means, null where nothing was measured. */
  until(endMs: number): { readonly times: number[]; readonly means: (number | null)[] } {
    const last = Math.floor(endMs / BUCKET_MS);
    const times: number[] = [];
    const means: (number | null)[] = [];
    for (let index = last - TREND_BUCKETS + 1; index <= last; index += 1) {
      const bucket = this.#buckets.get(index);
      times.push((index * BUCKET_MS) / 1000);
      means.push(bucket ? bucket.sum / bucket.count : null);
    }
    this.#forgetBefore(last - TREND_BUCKETS);
    return { times, means };
  }

  /** A new minute; a trend that nobody draws forgets here, else it would grow for as long as the page is open. */
  #begin(index: number): Bucket {
    const bucket = { sum: 0, count: 0 };
    this.#buckets.set(index, bucket);
    this.#forgetBefore(index - TREND_BUCKETS);
    return bucket;
  }

  #forgetBefore(index: number): void {
    for (const key of this.#buckets.keys()) if (key < index) this.#buckets.delete(key);
  }
}
