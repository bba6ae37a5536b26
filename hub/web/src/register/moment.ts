import { TIME_ZONE } from "../format/moment.ts";

/** Times as the server writes them into the same table: `22.11.2026 02:31:27 (+0100)`. */
export function registerMoment(): (ms: number) => string {
  const options: Intl.DateTimeFormatOptions = {
    timeZone: TIME_ZONE,
    hourCycle: "h23",
    day: "2-digit",
    month: "2-digit",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "longOffset",
  };
  const format = new Intl.DateTimeFormat("en-GB", options);
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const offset = (parts["timeZoneName"] ?? "").replace("GMT", "").replace(":", "");
    return `${parts["day"]}.${parts["month"]}.${parts["year"]} ${parts["hour"]}:${parts["minute"]}:${parts["second"]} (${offset})`;
  };
}
