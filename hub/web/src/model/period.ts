/** Periods that the patient page offers, by the name that stands in the address bar. */
export const RANGES = {
  "1h": 1,
  "6h": 6,
  "24h": 24,
  "7d": 7 * 24,
  "30d": 30 * 24,
  "90d": 90 * 24,
  "365d": 365 * 24,
} as const;
export type RangeName = keyof typeof RANGES;

const HOUR_MS = 3_600_000;
const DEFAULT: RangeName = "24h";

/** A stretch of time: whole hours up to `endMs`, or up to now where that is null. */
export interface Period {
  readonly hours: number;
  readonly endMs: number | null;
}

export function parsePeriod(search: string): Period {
  const parameters = new URLSearchParams(search);
  const hours = Number(parameters.get("hours"));
  const endMs = Number(parameters.get("end"));
  const name = parameters.get("range");
  const named = name !== null && name in RANGES ? RANGES[name as RangeName] : RANGES[DEFAULT];
  return {
    hours: Number.isInteger(hours) && hours >= 1 && hours <= RANGES["365d"] ? hours : named,
    endMs: Number.isSafeInteger(endMs) && endMs > 0 ? endMs : null,
  };
}

export function periodQuery(period: Period): string {
  const name = rangeName(period);
  if (name !== null) return name === DEFAULT ? "" : `?range=${name}`;
  return `?hours=${period.hours}${period.endMs === null ? "" : `&end=${period.endMs}`}`;
}

/** The offered range that this is, if any. */
export function rangeName(period: Period): RangeName | null {
  if (period.endMs !== null) return null;
  const found = Object.entries(RANGES).find(([, hours]) => hours === period.hours);
  return found ? (found[0] as RangeName) : null;
}

/** Half a period earlier (-1) or later (1). */
export function moved(period: Period, by: -1 | 1, nowMs: number): Period {
  const endMs = (period.endMs ?? nowMs) + (by * period.hours * HOUR_MS) / 2;
  return ending(period.hours, endMs, nowMs);
}

/** The least number of whole hours around what a person has marked. */
export function marked(startMs: number, endMs: number, nowMs: number): Period {
  const hours = Math.max(1, Math.ceil((endMs - startMs) / HOUR_MS));
  return ending(hours, (startMs + endMs) / 2 + (hours * HOUR_MS) / 2, nowMs);
}

/** `factor` times as much detail, with the moment at `share` of the axis kept where it is. */
export function zoomed(period: Period, factor: number, share: number, nowMs: number): Period {
  const asked = period.hours / factor;
  const whole = factor > 1 ? Math.floor(asked) : Math.ceil(asked);
  const hours = Math.min(Math.max(whole, 1), RANGES["365d"]);
  const keptMs = (period.endMs ?? nowMs) - (1 - share) * period.hours * HOUR_MS;
  return ending(hours, keptMs + (1 - share) * hours * HOUR_MS, nowMs);
}

/** What ends about now follows now again: time has passed since the page was drawn. */
function ending(hours: number, endMs: number, nowMs: number): Period {
  const nearMs = (hours * HOUR_MS) / 50;
  return { hours, endMs: endMs >= nowMs - nearMs ? null : Math.round(endMs) };
}
