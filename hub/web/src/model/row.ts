/** What must be known of a patient before the numbers are believed to be theirs. */
export type Mark = "unconfirmed" | "alike" | "still-sent" | "unread" | "paused";

/** What the hub says about one patient's latest numbers; the fields of `LiveRow` in `koffert_hub/live.py`. */
export interface LiveRow {
  readonly patient: string;
  readonly display_name: string;
  readonly suitcase: string;
  readonly link: "live" | "silent";
  readonly spo2_pct: number | null;
  readonly pulse_bpm: number | null;
  /** 0 to 1; 0 means that nothing in the row is a value. */
  readonly quality: number;
  readonly flags: readonly string[];
  readonly mode: "continuous" | "spot";
  readonly measured_at_ms: number | null;
  readonly received_at_ms: number | null;
  readonly sequence: number;
  readonly marks: readonly Mark[];
}

/** Whether `incoming` says something later than `current`; a backlog that arrives late must not win. */
export function supersedes(incoming: LiveRow, current: LiveRow | undefined): boolean {
  if (current?.measured_at_ms == null) return true;
  if (incoming.measured_at_ms == null) return false;
  if (incoming.measured_at_ms !== current.measured_at_ms) {
    return incoming.measured_at_ms > current.measured_at_ms;
  }
  return incoming.sequence >= current.sequence;
}
