import uPlot from "uplot";
import { type HourTrend, TREND_MS } from "../model/trend.ts";

const WIDTH_PX = 134;
const TALLEST_PX = 46;
/** What a row needs above and below the drawing. */
const MARGIN_PX = 6;
/** Where the scale of SpO₂ begins; it grows downwards when a value is lower. The top is always 100 %. */
const SPO2_FLOOR_PCT = 80;
/** Where the scale of the pulse begins and ends; it grows when a value is beyond. */
const PULSE_RANGE_BPM = [50, 130] as const;
/** SpO₂ takes this much of the height, from the top; the pulse takes the rest, so that they never cross. */
const SPO2_SHARE = 0.62;

/** The last hour of SpO₂ (strong, above) and pulse (thin, below). */
export class Sparkline {
  readonly #plot: uPlot;
  readonly #spo2: HourTrend;
  readonly #pulse: HourTrend;

  constructor(cell: HTMLElement, spo2: HourTrend, pulse: HourTrend) {
    this.#spo2 = spo2;
    this.#pulse = pulse;
    this.#plot = new uPlot(options(cell), [[], [], []], cell);
  }

  /** Fit rows of this height. */
  resize(rowPx: number): void {
    const height = Math.min(TALLEST_PX, Math.floor(rowPx) - MARGIN_PX);
    if (height !== this.#plot.height) this.#plot.setSize({ width: WIDTH_PX, height });
  }

  draw(nowMs: number, describe: (values: readonly number[]) => string): void {
    const spo2 = this.#spo2.until(nowMs);
    const pulse = this.#pulse.until(nowMs);
    this.#plot.setData([spo2.times, pulse.means, spo2.means], false);
    this.#plot.setScale("x", { min: (nowMs - TREND_MS) / 1000, max: nowMs / 1000 });
    const values = spo2.means.filter((mean) => mean !== null);
    this.#plot.ctx.canvas.role = "img";
    this.#plot.ctx.canvas.ariaLabel = describe(values);
  }

  destroy(): void {
    this.#plot.destroy();
  }
}

function options(cell: HTMLElement): uPlot.Options {
  const colour = (name: string) => (): string => getComputedStyle(cell).getPropertyValue(name);
  return {
    width: WIDTH_PX,
    height: TALLEST_PX,
    padding: [3, 3, 3, 3],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: false },
      spo2: { range: (_plot, low) => above(Math.min(SPO2_FLOOR_PCT, low ?? SPO2_FLOOR_PCT)) },
      pulse: {
        range: (_plot, low, high) =>
          below(
            Math.min(PULSE_RANGE_BPM[0], low ?? PULSE_RANGE_BPM[0]),
            Math.max(PULSE_RANGE_BPM[1], high ?? PULSE_RANGE_BPM[1]),
          ),
      },
    },
    series: [
      {},
      { scale: "pulse", stroke: colour("--trend-second"), width: 1, points: lonely },
      { scale: "spo2", stroke: colour("--trend-first"), width: 2, points: lonely },
    ],
  };
}

/** The scale that puts `low` to 100 % into the upper part of the drawing. */
function above(low: number): [number, number] {
  return [100 - (100 - low) / SPO2_SHARE, 100];
}

/** The scale that puts `low` to `high` into the lower part of the drawing. */
function below(low: number, high: number): [number, number] {
  return [low, low + (high - low) / (1 - SPO2_SHARE)];
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
