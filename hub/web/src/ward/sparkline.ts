import uPlot from "uplot";
import { type HourTrend, TREND_MS } from "../model/trend.ts";

const WIDTH_PX = 150;
const HEIGHT_PX = 40;
/** Below this the scale grows downwards; above, a healthy trend must not look like a falling one. */
const SPO2_FLOOR_PCT = 80;
/** A resting pulse lies in here; the scale grows when it does not. */
const PULSE_RANGE_BPM = [40, 140] as const;

/** The last hour of SpO₂ (strong) with pulse (thin) behind it. */
export class Sparkline {
  readonly #plot: uPlot;
  readonly #spo2: HourTrend;
  readonly #pulse: HourTrend;

  constructor(cell: HTMLElement, spo2: HourTrend, pulse: HourTrend) {
    this.#spo2 = spo2;
    this.#pulse = pulse;
    this.#plot = new uPlot(options(cell), [[], [], []], cell);
    const canvas = this.#plot.ctx.canvas;
    canvas.setAttribute("role", "img");
  }

  draw(nowMs: number, describe: (values: readonly number[]) => string): void {
    const spo2 = this.#spo2.until(nowMs);
    const pulse = this.#pulse.until(nowMs);
    this.#plot.setScale("x", { min: (nowMs - TREND_MS) / 1000, max: nowMs / 1000 });
    this.#plot.setData([spo2.times, pulse.means, spo2.means], false);
    this.#plot.setScale("x", { min: (nowMs - TREND_MS) / 1000, max: nowMs / 1000 });
    const values = spo2.means.filter((mean) => mean !== null);
    this.#plot.ctx.canvas.setAttribute("aria-label", describe(values));
  }

  destroy(): void {
    this.#plot.destroy();
  }
}

function options(cell: HTMLElement): uPlot.Options {
  const colour = (name: string) => (): string => getComputedStyle(cell).getPropertyValue(name);
  return {
    width: WIDTH_PX,
    height: HEIGHT_PX,
    padding: [3, 3, 3, 3],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: false },
      spo2: { range: (_plot, min) => [Math.min(SPO2_FLOOR_PCT, (min ?? 100) - 2), 100] },
      pulse: {
        range: (_plot, min, max) => [
          Math.min(PULSE_RANGE_BPM[0], min ?? PULSE_RANGE_BPM[0]),
          Math.max(PULSE_RANGE_BPM[1], max ?? PULSE_RANGE_BPM[1]),
        ],
      },
    },
    series: [
      {},
      { scale: "pulse", stroke: colour("--trend-second"), width: 1, points: lonely },
      { scale: "spo2", stroke: colour("--trend-first"), width: 2, points: lonely },
    ],
  };
}

/** A single measurement with nothing beside it makes no line; it is drawn as a dot. */
const lonely: uPlot.Series.Points = {
  show: true,
  size: 4,
  filter: (plot, series) => {
    const values = plot.data[series] ?? [];
    const alone: number[] = [];
    values.forEach((value, index) => {
      if (value != null && values[index - 1] == null && values[index + 1] == null) alone.push(index);
    });
    return alone;
  },
};
