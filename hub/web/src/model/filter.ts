import type { Freshness } from "./freshness.ts";
import type { Band } from "./order.ts";

/** Which rows are shown. */
export const SHOWS = ["all", "alerts", "silent"] as const;
export type Show = (typeof SHOWS)[number];

/** A choice of rows; it lives in the address bar, so that it can be kept as a link. */
export interface Filter {
  readonly query: string;
  readonly show: Show;
}

export interface Filtered {
  readonly name: string;
  readonly suitcase: string;
  readonly band: Band;
  readonly freshness: Freshness;
}

export function matches(row: Filtered, filter: Filter): boolean {
  return matchesShow(row, filter.show) && matchesQuery(row, filter.query);
}

function matchesShow(row: Filtered, show: Show): boolean {
  if (show === "alerts") return row.band !== "rest";
  if (show === "silent") return row.freshness === "stale" || row.freshness === "none";
  return true;
}

function matchesQuery(row: Filtered, query: string): boolean {
  const words = query.toLocaleLowerCase("nb").split(/\s+/).filter(Boolean);
  const text = `${row.name} ${row.suitcase}`.toLocaleLowerCase("nb");
  return words.every((word) => text.includes(word));
}

export function parseFilter(search: string): Filter {
  const parameters = new URLSearchParams(search);
  const asked = parameters.get("show");
  return { query: parameters.get("q") ?? "", show: SHOWS.find((show) => show === asked) ?? "all" };
}

/** The address's query for a filter, with what else stands there kept. */
export function withFilter(search: string, filter: Filter): string {
  const parameters = new URLSearchParams(search);
  set(parameters, "q", filter.query.trim());
  set(parameters, "show", filter.show === "all" ? "" : filter.show);
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

function set(parameters: URLSearchParams, name: string, value: string): void {
  if (value === "") parameters.delete(name);
  else parameters.set(name, value);
}
