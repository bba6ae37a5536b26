/** A place on the sheet in millimetres. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What a millimetre of the sheet means. */
export interface Scale {
  readonly mmPerS: number;
  readonly mmPerMv: number;
}

const MS_PER_MIN = 60_000;

/** What lies between two places: milliseconds, the rate if it is one beat, millivolts (up is positive). */
export function measured(from: Point, to: Point, scale: Scale, locale: string): string {
  const ms = Math.round((Math.abs(to.x - from.x) / scale.mmPerS) * 1000);
  const millivolts = (from.y - to.y) / scale.mmPerMv;
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const rate = ms > 0 ? ` · ${Math.round(MS_PER_MIN / ms)} /min` : "";
  return `${ms} ms${rate} · ${number.format(millivolts)} mV`;
}
