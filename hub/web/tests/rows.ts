import type { LiveRow } from "../src/model/row.ts";

/** A row as the hub sends it, with what the test is about replaced. */
export function liveRow(changes: Partial<LiveRow> = {}): LiveRow {
  return {
    patient: "p-1",
    display_name: "Testpasient 1",
    suitcase: "koffert-001",
    link: "live",
    spo2_pct: 91,
    pulse_bpm: 82,
    quality: 1,
    flags: [],
    mode: "continuous",
    measured_at_ms: 0,
    received_at_ms: 0,
    sequence: 1,
    marks: [],
    ...changes,
  };
}
