import { ageText } from "../format/age.ts";
import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { CONTINUOUS_LIMIT_MS, type Freshness, ageMs, freshness } from "../model/freshness.ts";
import type { LiveRow } from "../model/row.ts";

/** What stands where a number would, when there is none that may be believed. */
export const NO_VALUE = "––";

/** One row as the nurse reads it, in words; the DOM only copies it. */
export interface RowView {
  readonly freshness: Freshness;
  readonly mode: LiveRow["mode"];
  readonly spo2: string;
  readonly pulse: string;
  readonly age: string;
  /** Why there is no value, or why it is not from now; empty when all is well. */
  readonly remark: string;
  /** What must be known before the numbers are believed to be this patient's. */
  readonly marks: string;
  /** A message of ours waits on the patient's screen. */
  readonly unread: boolean;
}

/** Flags in the order in which they explain a missing value best, and the text that says it. */
const REASONS: readonly (readonly [flag: string, key: string])[] = [
  ["by-hand", "reason.by_hand"],
  ["no-finger", "reason.finger_out"],
  ["no-contact", "reason.finger_out"],
  ["sensor-disconnected", "reason.sensor_fault"],
  ["probe-error", "reason.sensor_fault"],
  ["sensor-malfunction", "reason.sensor_fault"],
  ["equipment-malfunction", "reason.sensor_fault"],
  ["sensor-displaced", "reason.sensor_displaced"],
  ["demonstration", "reason.test"],
  ["test", "reason.test"],
  ["searching", "reason.searching"],
  ["calibrating", "reason.searching"],
  ["artefact", "reason.movement"],
  ["movement", "reason.movement"],
  ["erratic-signal", "reason.movement"],
  ["low-perfusion", "reason.weak_pulse"],
  ["weak-signal", "reason.weak_pulse"],
];

/** The view of `row` at the hub's time `nowMs`; null when the page does not know the time yet. */
export function viewRow(
  row: LiveRow,
  nowMs: number | null,
  connected: boolean,
  texts: Texts,
  formats: Formats,
): RowView {
  const state = freshness(row, nowMs, connected);
  const age = nowMs === null ? null : ageMs(row, nowMs);
  const value = (number: number | null): string =>
    state === "live" || state === "stale" ? shown(number, formats) : NO_VALUE;
  return {
    freshness: state,
    mode: row.mode,
    spo2: value(row.spo2_pct),
    pulse: value(row.pulse_bpm),
    age: age === null || nowMs === null ? "" : ageText(age, nowMs, texts, formats),
    remark: remark(row, state, nowMs, connected, texts),
    marks: row.marks.map((mark) => text(texts, `mark.${mark}`)).join(" · "),
    unread: row.marks.includes("unread"),
  };
}

function shown(value: number | null, formats: Formats): string {
  return value === null ? NO_VALUE : formats.number(value);
}

function remark(
  row: LiveRow,
  state: Freshness,
  nowMs: number | null,
  connected: boolean,
  texts: Texts,
): string {
  if (state === "none") return text(texts, "reason.never_measured");
  if (state === "invalid") return text(texts, reasonKey(row.flags));
  if (state === "stale") return text(texts, staleKey(row, nowMs, connected));
  if (row.spo2_pct === null || row.pulse_bpm === null) return text(texts, reasonKey(row.flags));
  return "";
}

function reasonKey(flags: readonly string[]): string {
  const known = REASONS.find(([flag]) => flags.includes(flag));
  return known?.[1] ?? "reason.no_signal";
}

function staleKey(row: LiveRow, nowMs: number | null, connected: boolean): string {
  if (!connected || nowMs === null) return "stale.disconnected";
  const heardMs = nowMs - (row.received_at_ms ?? 0);
  return heardMs > CONTINUOUS_LIMIT_MS ? "stale.silent" : "stale.delayed";
}
