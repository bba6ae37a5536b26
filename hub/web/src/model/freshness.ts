import type { LiveRow } from "./row.ts";

/** A meter in continuous use sends each second; older than this its number is no longer "now". */
export const CONTINUOUS_LIMIT_MS = 4000;
/** Single measurements are planned daily; after a day one is no longer the patient's state. */
export const SPOT_LIMIT_MS = 24 * 60 * 60 * 1000;

const LIMIT_MS: Readonly<Record<LiveRow["mode"], number>> = {
  continuous: CONTINUOUS_LIMIT_MS,
  spot: SPOT_LIMIT_MS,
};

/**
 * - `live`: the value stands for the patient now
 * - `stale`: a value that was true once; shown grey and struck through
 * - `invalid`: the meter gave no value; nothing is shown but the reason
 * - `none`: nothing has ever been measured
 */
export type Freshness = "live" | "stale" | "invalid" | "none";

/** Age of the measurement at `nowMs`; a meter whose clock runs ahead cannot make a value younger than its arrival. */
export function ageMs(row: LiveRow, nowMs: number): number | null {
  if (row.measured_at_ms === null) return null;
  const takenMs = Math.min(row.measured_at_ms, row.received_at_ms ?? row.measured_at_ms);
  return Math.max(0, nowMs - takenMs);
}

/** What may be believed of a row at the hub's time `nowMs` (null: not known yet). */
export function freshness(row: LiveRow, nowMs: number | null, connected: boolean): Freshness {
  if (row.measured_at_ms === null) return "none";
  if (row.quality <= 0 || (row.spo2_pct === null && row.pulse_bpm === null)) return "invalid";
  if (!connected || nowMs === null) return "stale";
  const age = ageMs(row, nowMs);
  return age !== null && age <= LIMIT_MS[row.mode] ? "live" : "stale";
}
