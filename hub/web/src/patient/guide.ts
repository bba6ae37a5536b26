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

/** One spirometry session: FEV1 and the grade that the box gave it. */
export interface Graded {
  readonly at_ms: number;
  readonly fev1_l: number | null;
  readonly grade: string | null;
}

/** Something that happened: an alert by its priority, a note, a call. */
export interface Mark {
  readonly at_ms: number;
  readonly kind: "red" | "yellow" | "blue" | "note" | "call";
  readonly texts: Readonly<Record<string, string>>;
}

/** As on the ward for alerts; a note and a call have shapes of their own. */
export const MARK_SHAPES: Readonly<Record<Mark["kind"], string>> = { red: "▲▲▲", yellow: "▲▲", blue: "▲", note: "✎", call: "☎" };

const MARK_FONT_PX = 14;
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

/** Each session as a dot with its grade beside it. */
export function drawGraded(plot: uPlot, sessions: readonly Graded[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour("--ink");
  ctx.font = `bold ${MARK_FONT_PX * scale}px sans-serif`;
  for (const { at_ms, fev1_l, grade } of sessions) {
    if (fev1_l === null) continue;
    const x = plot.valToPos(at_ms / 1000, "x", true);
    const y = plot.valToPos(fev1_l, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.arc(x, y, DOT_PX * scale, 0, 2 * Math.PI);
    ctx.fill();
    const atEdge = x > bbox.left + bbox.width - 2 * MARK_FONT_PX * scale;
    ctx.textAlign = atEdge ? "right" : "left";
    ctx.fillText(grade ?? "", x + (atEdge ? -2 : 2) * DOT_PX * scale, y + DOT_PX * scale);
  }
  ctx.restore();
}

/** What happened, as a shape at the upper edge and a thin line down. */
export function drawMarks(plot: uPlot, marks: readonly Mark[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour("--line");
  ctx.font = `${MARK_FONT_PX * scale}px sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  for (const { at_ms, kind } of marks) {
    const x = plot.valToPos(at_ms / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + MARK_FONT_PX * scale);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillStyle = kind === "red" ? colour("--red") : colour("--ink");
    // One below the other: side by side they would hide their neighbours.
    [...MARK_SHAPES[kind]].forEach((shape, place) => ctx.fillText(shape, x, bbox.top + place * MARK_FONT_PX * scale));
  }
  ctx.restore();
}
