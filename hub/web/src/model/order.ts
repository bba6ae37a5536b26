/** Bands of the ward list, worst first. */
export const BANDS = ["red", "yellow", "blue", "rest"] as const;
export type Band = (typeof BANDS)[number];

/** What decides a row's place. */
export interface Ranked {
  readonly patient: string;
  readonly name: string;
  readonly band: Band;
  readonly acknowledged: boolean;
  /** When the alert was raised; null where there is none. */
  readonly raisedMs: number | null;
}

/** Patients in the order that they should stand: band, not yet acknowledged, longest waiting, name. */
export function rank(rows: Iterable<Ranked>, names: Intl.Collator): string[] {
  return [...rows]
    .sort(
      (a, b) =>
        BANDS.indexOf(a.band) - BANDS.indexOf(b.band) ||
        Number(a.acknowledged) - Number(b.acknowledged) ||
        (a.raisedMs ?? 0) - (b.raisedMs ?? 0) ||
        names.compare(a.name, b.name) ||
        names.compare(a.patient, b.patient),
    )
    .map((row) => row.patient);
}

/** The list as it stands on the screen, and how many rows wait for leave to move. */
export interface Settled {
  readonly order: readonly string[];
  readonly waiting: number;
}

/**
 * Move rows only while nobody points at them.
 *
 * While `held`, rows stay where they are: new ones are added at the end, gone ones keep their place.
 */
export function settle(shown: readonly string[], wanted: readonly string[], held: boolean): Settled {
  if (!held) return { order: wanted, waiting: 0 };
  const present = new Set(shown);
  const order = [...shown, ...wanted.filter((patient) => !present.has(patient))];
  const stillThere = order.filter((patient) => wanted.includes(patient));
  const gone = order.length - stillThere.length;
  return { order, waiting: moves(stillThere, wanted) + gone };
}

/** The fewest rows that must move to turn `from` into `to`: all but a longest run already in order. */
function moves(from: readonly string[], to: readonly string[]): number {
  const place = new Map(to.map((patient, index) => [patient, index]));
  const tails: number[] = [];
  for (const patient of from) {
    const index = place.get(patient) ?? 0;
    const at = tails.findIndex((tail) => tail > index);
    tails[at === -1 ? tails.length : at] = index;
  }
  return from.length - tails.length;
}
