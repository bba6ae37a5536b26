import type { Formats } from "./moment.ts";
import { type Texts, text } from "./text.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The time between a beat in the finger and the screen is about a second; a calm word for it. */
const NOW_LIMIT_MS = 2 * SECOND_MS;

/** When something was measured, the way a person would say it at `nowMs`. */
export function ageText(age: number, nowMs: number, texts: Texts, formats: Formats): string {
  if (age < NOW_LIMIT_MS) return text(texts, "age.now");
  if (age < MINUTE_MS) return text(texts, "age.seconds", { n: Math.floor(age / SECOND_MS) });
  if (age < HOUR_MS) return text(texts, "age.minutes", { n: Math.floor(age / MINUTE_MS) });
  const takenMs = nowMs - age;
  const time = formats.time(takenMs);
  const days = formats.daysBetween(takenMs, nowMs);
  if (days === 0) return text(texts, "age.today", { time });
  if (days === 1) return text(texts, "age.yesterday", { time });
  return text(texts, "age.earlier", { day: formats.day(takenMs), time });
}
