import type { Band } from "./order.ts";

/** What a patient's VIP card says. */
export interface VipCard {
  readonly fast_track: boolean;
  readonly preferred_ward: string;
  readonly plan_contact: string;
}

/** One open alert; the fields of `WardAlert` in `koffert_hub/alerts/ward.py`. */
export interface WardAlert {
  readonly id: string;
  readonly patient: string;
  readonly priority: Exclude<Band, "rest">;
  /** The rule's sentence by language. */
  readonly reason: Readonly<Record<string, string>>;
  readonly raised_ms: number;
  readonly acknowledged_by: string | null;
  readonly acknowledged_ms: number | null;
  /** No alert yet: a first reading beyond a red limit, or a call that nobody has taken. */
  readonly waiting: boolean;
  readonly takeable: boolean;
  readonly card: VipCard | null;
  /** The patient has pressed the call button: a video call is the answer. */
  readonly call: boolean;
  /** Nothing has come: a reminder on the patient's screen is the answer. */
  readonly reminds: boolean;
}

const PRIORITIES: readonly WardAlert["priority"][] = ["red", "yellow", "blue"];

export function isAcknowledged(alert: WardAlert): boolean {
  return alert.acknowledged_ms !== null;
}

/** The alerts of each patient, the one that needs someone first in front. */
export function byPatient(alerts: readonly WardAlert[]): ReadonlyMap<string, readonly WardAlert[]> {
  const grouped = new Map<string, WardAlert[]>();
  for (const alert of [...alerts].sort(mostUrgentFirst)) {
    const known = grouped.get(alert.patient);
    if (known) known.push(alert);
    else grouped.set(alert.patient, [alert]);
  }
  return grouped;
}

function mostUrgentFirst(a: WardAlert, b: WardAlert): number {
  return (
    PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) ||
    Number(isAcknowledged(a)) - Number(isAcknowledged(b)) ||
    Number(b.takeable) - Number(a.takeable) ||
    a.raised_ms - b.raised_ms
  );
}
