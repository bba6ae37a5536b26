import type uPlot from "uplot";
import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";

/** What is drawn behind a curve: the target band, and what is usual for this patient. */
export interface Guide {
  readonly low: number | null;
  readonly high: number | null;
  readonly usual: number | null;
}

/** One diary: when, and what was worse than usual. */
export interface Dot {
  readonly at_ms: number;
  readonly worse: readonly string[];
}

const DASH_PX = [6, 4];
const DOT_PX = 5;

/** The guide in words, for the chart's title. */
export function guideText(guide: Guide | undefined, texts: Texts, formats: Formats): string {
  const number = (value: number): string => formats.number(value);
  const parts: string[] = [];
  if (guide?.low != null && guide.high != null) {
    parts.push(text(texts, "guide.target", { low: number(guide.low), high: number(guide.high) }));
  }
  if (guide?.usual != null) parts.push(text(texts, "guide.usual", { usual: number(guide.usual) }));
  return parts.join(", ");
}

/** Behind the curve: the target as a band between two lines, the usual value as a dashed line. */
export function drawGuide(plot: uPlot, guide: Guide, colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const y = (value: number): number => plot.valToPos(value, "y", true);
  const line = (value: number, dash: readonly number[]): void => {
    ctx.setLineDash([...dash]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y(value));
    ctx.lineTo(bbox.left + bbox.width, y(value));
    ctx.stroke();
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour("--green");
  ctx.fillStyle = colour("--guide");
  if (guide.low !== null && guide.high !== null) ctx.fillRect(bbox.left, y(guide.high), bbox.width, y(guide.low) - y(guide.high));
  for (const value of [guide.low, guide.high]) if (value !== null) line(value, []);
  ctx.strokeStyle = colour("--ink-soft");
  if (guide.usual !== null) line(guide.usual, DASH_PX);
  ctx.restore();
}

/** Diaries along the lower edge: filled where something was worse, open where all was as usual. */
export function drawDots(plot: uPlot, dots: readonly Dot[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--ink");
  ctx.lineWidth = 2 * scale;
  for (const dot of dots) {
    const x = plot.valToPos(dot.at_ms / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.arc(x, bbox.top + bbox.height - 2 * DOT_PX * scale, DOT_PX * scale, 0, 2 * Math.PI);
    if (dot.worse.length > 0) ctx.fill();
    else ctx.stroke();
  }
  ctx.restore();
}
