import uPlot from "uplot";
import { type Formats, TIME_ZONE } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import type { Trend } from "../model/trend.ts";
import { type Dot, type Graded, type Guide, type Mark, drawDots, drawGraded, drawGuide, drawMarks, guideText } from "./guide.ts";
import { setText, within } from "../page/data.ts";

const HEIGHT_PX = 190;
/** Wide enough for `100` and `12,5` on every chart, so that the time axes stand under each other. */
const AXIS_PX = 56;
const DAY_S = 24 * 3600;
/** More rows than this help nobody who reads them one by one. */
const TABLE_ROWS = 48;

/** A quantity as it is drawn; the scale grows when values lie beyond. */
export interface Charted {
  readonly quantity: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  /** Drawn also without values, to say what would be here. */
  readonly always: boolean;
}

/** One quantity over the period: the mean as a line in the band from lowest to highest. */
export class TrendChart {
  readonly root: HTMLElement;
  readonly #charted: Charted;
  readonly #texts: Texts;
  readonly #formats: Formats;
  readonly #plot: uPlot;
  readonly #guide: Guide | undefined;
  #trend: Trend | null = null;
  #dots: readonly Dot[] = [];
  #graded: readonly Graded[] = [];
  #marks: readonly Mark[] = [];

  constructor(
    root: HTMLElement,
    charted: Charted,
    texts: Texts,
    formats: Formats,
    guide: Guide | undefined,
    onMarked: (startMs: number, endMs: number) => void,
  ) {
    this.#guide = guide;
    [this.root, this.#charted, this.#texts, this.#formats] = [root, charted, texts, formats];
    setText(within(root, ".title"), `${text(texts, `quantity.${charted.quantity}`)} (${charted.unit})`);
    setText(within(root, ".guide"), guideText(guide, texts, formats));
    const place = within(root, ".plot");
    this.#plot = new uPlot(this.#options(place, onMarked), [[], [], [], []], place);
  }

  show(trend: Trend, startMs: number, endMs: number): void {
    this.#trend = trend;
    this.#reveal();
    const times = trend.t_ms.map((ms) => ms / 1000);
    this.#plot.setData([times, [...trend.maximum], [...trend.minimum], [...trend.mean]], false);
    this.#plot.setScale("x", { min: startMs / 1000, max: endMs / 1000 });
    this.fit();
    this.#fillTable(trend);
    this.#plot.ctx.canvas.role = "img";
    this.#plot.ctx.canvas.ariaLabel = this.#summary(trend);
  }

  showDots(dots: readonly Dot[]): void {
    this.#dots = dots;
    this.redraw();
  }

  showGraded(sessions: readonly Graded[]): void {
    this.#graded = sessions;
    this.#reveal();
    this.fit();
    this.redraw();
  }

  showMarks(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.redraw();
  }

  fit(): void {
    const width = within(this.root, ".plot").clientWidth;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  redraw(): void {
    this.#plot.redraw(false, true);
  }

  #reveal(): void {
    const counted = this.#trend?.count.some((count) => count > 0) ?? false;
    const some = counted || this.#graded.length > 0;
    this.root.hidden = !some && !this.#charted.always;
    within(this.root, ".plot").hidden = !some;
    within(this.root, ".empty").hidden = some;
    within(this.root, "details").hidden = !counted;
  }

  #range(min: number | null, max: number | null): [number, number] {
    const { low, high } = this.#charted;
    const graded = this.#graded.map((session) => session.fev1_l ?? low);
    return [Math.min(low, min ?? low), Math.max(high, max ?? high, ...graded)];
  }

  #summary(trend: Trend): string {
    const lows = trend.minimum.filter((value) => value !== null);
    const highs = trend.maximum.filter((value) => value !== null);
    if (lows.length === 0) return "";
    const number = (value: number): string => this.#formats.number(value);
    return `${text(this.#texts, `quantity.${this.#charted.quantity}`)} ${number(Math.min(...lows))}–${number(Math.max(...highs))} ${this.#charted.unit}`;
  }

  #fillTable(trend: Trend): void {
    const filled = trend.t_ms.map((_, index) => index).filter((index) => trend.count[index]);
    const step = Math.max(1, Math.ceil(filled.length / TABLE_ROWS));
    const rows = filled.filter((_, index) => index % step === 0).map((index) => this.#tableRow(trend, index));
    within(this.root, "tbody").replaceChildren(...rows);
  }

  #tableRow(trend: Trend, index: number): HTMLTableRowElement {
    const row = document.createElement("tr");
    const cells = [
      this.#when(trend.t_ms[index] ?? 0),
      ...[trend.minimum[index], trend.mean[index], trend.maximum[index]].map((value) => this.#number(value)),
      String(trend.count[index] ?? 0),
    ];
    for (const cell of cells) row.insertCell().textContent = cell;
    return row;
  }

  #when(ms: number): string {
    return `${this.#formats.day(ms)} ${this.#formats.time(ms)}`;
  }

  #number(value: number | null | undefined): string {
    return value == null ? "" : this.#formats.number(value);
  }

  #read(index: number | null | undefined): void {
    const readout = within(this.root, ".readout");
    const trend = this.#trend;
    if (trend === null || index == null || !trend.count[index]) {
      setText(readout, "");
      return;
    }
    const parameters = {
      time: this.#when(trend.t_ms[index] ?? 0),
      mean: this.#number(trend.mean[index]),
      low: this.#number(trend.minimum[index]),
      high: this.#number(trend.maximum[index]),
      unit: this.#charted.unit,
    };
    setText(readout, text(this.#texts, "readout.value", parameters));
  }

  #options(place: HTMLElement, onMarked: (startMs: number, endMs: number) => void): uPlot.Options {
    const colour = (name: string) => (): string => getComputedStyle(place).getPropertyValue(name);
    const axis = { stroke: colour("--ink"), font: "14px sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    const edge = { stroke: "transparent", points: { show: false } };
    return {
      width: place.clientWidth || 600,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { sync: { key: "patient" }, drag: { x: true, y: false, setScale: false } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), TIME_ZONE),
      scales: { x: { time: true }, y: { range: (_plot, min, max) => this.#range(min, max) } },
      axes: [
        { ...axis, grid, values: (_plot, splits, _axis, _space, incr) => splits.map((at) => this.#tick(at, incr)) },
        { ...axis, grid, size: AXIS_PX, values: (_plot, splits) => splits.map((value) => this.#number(value)) },
      ],
      bands: [{ series: [1, 2], fill: colour("--trend-band") }],
      series: [{}, edge, edge, { stroke: colour("--trend-first"), width: 2, points: { size: 7, show: true, filter: () => this.#alone() } }],
      hooks: {
        drawAxes: [(plot) => this.#guide && drawGuide(plot, this.#guide, (name) => colour(name)())],
        draw: [
          (plot) => {
            drawMarks(plot, this.#marks, (name) => colour(name)());
            drawDots(plot, this.#dots, (name) => colour(name)());
            drawGraded(plot, this.#graded, (name) => colour(name)());
          },
        ],
        setCursor: [(plot) => this.#read(plot.cursor.idx)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            onMarked(plot.posToVal(left, "x") * 1000, plot.posToVal(left + width, "x") * 1000);
          },
        ],
      },
    };
  }

  /** Single measurements, which no line joins: they would otherwise not be seen at all. */
  #alone(): number[] {
    const count = this.#trend?.count ?? [];
    return [...count.keys()].filter((index) => count[index] && !count[index - 1] && !count[index + 1]);
  }

  #tick(at: number, incrementS: number): string {
    return incrementS < DAY_S ? this.#hour(at * 1000) : this.#formats.day(at * 1000);
  }

  #hour(ms: number): string {
    const time = this.#formats.time(ms);
    return time === "00:00" ? this.#formats.day(ms) : time;
  }
}
