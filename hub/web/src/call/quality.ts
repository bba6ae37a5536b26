/** What was counted over the last interval. */
export interface LineStats {
  readonly roundTripMs: number | null;
  /** The share of packets that did not come, 0-1. */
  readonly loss: number;
  /** The share of sound that had to be made up, 0-1. */
  readonly madeUp: number;
}

/** Above this people begin to speak at the same time (ITU-T G.114: 400 ms there and back is the limit). */
const SLOW_MS = 400;
/** With this much lost or made up, words go missing. */
const POOR_SHARE = 0.05;
/** Below this many lines it shows that the box has stepped down for its link. */
const FULL_HEIGHT = 240;

export type Verdict = "good" | "slow" | "poor" | "narrow";

/** The one thing that the nurse should know of the line. */
export function judge(stats: LineStats, height: number | null): Verdict {
  if (Math.max(stats.loss, stats.madeUp) > POOR_SHARE) return "poor";
  if (stats.roundTripMs !== null && stats.roundTripMs > SLOW_MS) return "slow";
  if (height !== null && height < FULL_HEIGHT) return "narrow";
  return "good";
}

/** Running totals, as getStats gives them. */
export interface Totals {
  readonly received: number;
  readonly lost: number;
  readonly samples: number;
  readonly concealed: number;
  readonly roundTripMs: number | null;
}

export function between(before: Totals, after: Totals): LineStats {
  const lost = Math.max(after.lost - before.lost, 0);
  const all = lost + Math.max(after.received - before.received, 0);
  const samples = after.samples - before.samples;
  const concealed = after.concealed - before.concealed;
  return {
    roundTripMs: after.roundTripMs,
    loss: all > 0 ? lost / all : 0,
    madeUp: samples > 0 ? concealed / samples : 0,
  };
}

/** Add up a report; absent fields count as nothing. */
export function totals(report: Iterable<Record<string, unknown>>): Totals {
  const sum = { received: 0, lost: 0, samples: 0, concealed: 0, roundTripMs: null as number | null };
  for (const item of report) {
    if (item["type"] === "inbound-rtp") {
      sum.received += number(item["packetsReceived"]);
      sum.lost += number(item["packetsLost"]);
      sum.samples += number(item["totalSamplesReceived"]);
      sum.concealed += number(item["concealedSamples"]) - number(item["silentConcealedSamples"]);
    } else if (item["type"] === "candidate-pair" && item["nominated"] === true) {
      const seconds = item["currentRoundTripTime"];
      if (typeof seconds === "number") sum.roundTripMs = seconds * 1000;
    }
  }
  return sum;
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
