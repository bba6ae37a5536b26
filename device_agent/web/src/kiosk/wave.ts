/** The pulse wave that is still to be drawn: it comes a second at a time and runs over the screen evenly. */
export class WaveQueue {
  #samples: number[] = [];
  #rateHz = 60;

  /** More than this waits only after a pause: then the oldest is let go, so that the eye sees the present. */
  static readonly longestS = 2.5;

  add(samples: readonly number[], rateHz: number): void {
    this.#rateHz = rateHz;
    this.#samples.push(...samples);
    const most = Math.ceil(rateHz * WaveQueue.longestS);
    if (this.#samples.length > most) this.#samples.splice(0, this.#samples.length - most);
  }

  /** The samples that are due after another `elapsedS`. */
  take(elapsedS: number): number[] {
    return this.#samples.splice(0, Math.round(elapsedS * this.#rateHz));
  }

  get rateHz(): number {
    return this.#rateHz;
  }

  clear(): void {
    this.#samples = [];
  }
}

/** Where a sample stands between 0 (bottom) and 1 (top) among those on the screen. */
export function scaled(samples: readonly number[]): number[] {
  const least = Math.min(...samples);
  const span = Math.max(...samples) - least;
  return samples.map((sample) => (span === 0 ? 0.5 : (sample - least) / span));
}
