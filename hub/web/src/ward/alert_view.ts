import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { type WardAlert, isAcknowledged } from "../model/alert.ts";
import type { Band } from "../model/order.ts";

/** What a row says about its alerts, in words. */
export interface AlertView {
  readonly band: Band;
  readonly acknowledged: boolean;
  readonly takeable: boolean;
  /** The call that a video call answers, as long as nobody has taken it. */
  readonly call: WardAlert | null;
  /** Nothing has come, and nobody has taken it: the patient can be reminded. */
  readonly reminds: boolean;
  readonly cause: string;
  /** How long nobody has taken it, or who has. */
  readonly status: string;
}

const NO_ALERT: AlertView = { band: "rest", acknowledged: false, takeable: false, call: null, reminds: false, cause: "", status: "" };

/** The view of a patient's alerts, the most urgent first, at the hub's time `nowMs`. */
export function viewAlerts(
  alerts: readonly WardAlert[],
  nowMs: number | null,
  texts: Texts,
  formats: Formats,
): AlertView {
  const [worst, ...others] = alerts;
  if (worst === undefined) return NO_ALERT;
  const more = others.length === 0 ? "" : ` ${text(texts, "alert.more", { n: others.length })}`;
  return {
    band: worst.priority,
    acknowledged: isAcknowledged(worst),
    takeable: worst.takeable && !isAcknowledged(worst),
    call: alerts.find((alert) => alert.call && alert.takeable && !isAcknowledged(alert)) ?? null,
    reminds: worst.reminds && !isAcknowledged(worst),
    cause: (worst.reason[formats.language] ?? worst.reason["nb"] ?? "") + more,
    status: [status(worst, nowMs, texts, formats), vip(worst, texts)].filter(Boolean).join(" · "),
  };
}

function status(
  alert: WardAlert,
  nowMs: number | null,
  texts: Texts,
  formats: Formats,
): string {
  if (alert.acknowledged_ms !== null) {
    const time = formats.time(alert.acknowledged_ms);
    return text(texts, "alert.taken", { name: alert.acknowledged_by ?? "", time });
  }
  if (nowMs === null || !alert.takeable) return "";
  return text(texts, "alert.waiting", { duration: duration(nowMs - alert.raised_ms) });
}

/** Where the patient goes without a detour, and whom to ask about the plan. */
function vip({ card }: WardAlert, texts: Texts): string {
  if (card === null) return "";
  const track = card.fast_track ? text(texts, "alert.fast_track") : "";
  const said = [track, card.preferred_ward, card.plan_contact].filter(Boolean).join(", ");
  return said === "" ? "" : text(texts, "alert.vip", { said });
}

/** `2:10`, or `1:02:10` from an hour on. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
