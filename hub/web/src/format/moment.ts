/** Everyone who reads these pages is in Norway; the machine's own zone does not count. */
export const TIME_ZONE = "Europe/Oslo";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Formats times and numbers the way its reader writes them. */
export class Formats {
  /** The language's code, as texts from the hub are keyed. */
  readonly language: string;
  readonly #time: Intl.DateTimeFormat;
  readonly #seconds: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #dayKey: Intl.DateTimeFormat;
  readonly #zone: Intl.DateTimeFormat;
  readonly #number: Intl.NumberFormat;

  constructor(locale: string) {
    this.language = locale.slice(0, 2);
    const zoned = (options: Intl.DateTimeFormatOptions, tag = locale): Intl.DateTimeFormat =>
      new Intl.DateTimeFormat(tag, { timeZone: TIME_ZONE, hourCycle: "h23", ...options });
    this.#time = zoned({ hour: "2-digit", minute: "2-digit" });
    this.#seconds = zoned({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.#day = zoned({ day: "numeric", month: "short" });
    this.#dayKey = zoned({ year: "numeric", month: "2-digit", day: "2-digit" }, "sv-SE");
    this.#zone = zoned({ timeZoneName: "shortOffset" }, "en-GB");
    // Meters give whole per cent and beats; one decimal is kept where there is one, and nothing is rounded up past a limit.
    this.#number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, roundingMode: "trunc" });
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  /** `11:04:32`. */
  clock(ms: number): string {
    return this.#seconds.format(ms);
  }

  /** `11:04`, with the offset in the hour that an autumn night has twice. */
  time(ms: number): string {
    const shown = this.#time.format(ms);
    const twice = [ms - HOUR_MS, ms + HOUR_MS].some((other) => this.#time.format(other) === shown);
    return twice ? `${shown} (${this.#offset(ms)})` : shown;
  }

  day(ms: number): string {
    return this.#day.format(ms);
  }

  /** How many midnights in Norway lie between the two. */
  daysBetween(ms: number, laterMs: number): number {
    const midnight = (at: number): number => Date.parse(`${this.#dayKey.format(at)}T00:00:00Z`);
    return Math.round((midnight(laterMs) - midnight(ms)) / DAY_MS);
  }

  #offset(ms: number): string {
    const parts = this.#zone.formatToParts(ms);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  }
}
