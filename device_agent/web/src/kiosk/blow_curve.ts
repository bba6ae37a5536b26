import type { Effort } from "./screen.ts";

/** The volume that has been blown out against time, as far as it has come. */
export class BlowCurve {
  #points: { readonly timeS: number; readonly litres: number }[] = [];

  /** The least that the axes show: most blows fit in, and a short one looks short. */
  static readonly leastS = 6;
  static readonly leastLitres = 2;

  add({ phase, elapsed_s: timeS, volume_l: litres }: Effort): void {
    const last = this.#points.at(-1);
    if (phase === "waiting" || (last !== undefined && timeS < last.timeS)) this.clear();
    if (phase === "blowing" || phase === "may-stop") this.#points.push({ timeS, litres });
  }

  clear(): void {
    this.#points = [];
  }

  /** Each point between 0 (start, nothing) and 1 (the end of the axis). */
  scaled(): { readonly x: number; readonly y: number }[] {
    const longest = Math.max(BlowCurve.leastS, ...this.#points.map((point) => point.timeS));
    const most = Math.max(BlowCurve.leastLitres, ...this.#points.map((point) => point.litres * 1.15));
    return this.#points.map(({ timeS, litres }) => ({ x: timeS / longest, y: litres / most }));
  }
}
