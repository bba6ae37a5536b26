import assert from "node:assert/strict";
import { test } from "node:test";
import { BANDS, type Band, type Ranked, rank, settle } from "../src/model/order.ts";

const names = new Intl.Collator("nb-NO", { numeric: true });

function ranked(patient: string, band: Band = "rest", more: Partial<Ranked> = {}): Ranked {
  return { patient, name: `Testpasient ${patient}`, band, acknowledged: false, raisedMs: null, ...more };
}

test("red before yellow before blue before the rest, then by name as a person counts", () => {
  const rows = [
    ranked("10"),
    ranked("2"),
    ranked("4", "blue", { raisedMs: 1 }),
    ranked("3", "red", { raisedMs: 9 }),
    ranked("1", "yellow", { raisedMs: 2 }),
  ];
  assert.deepEqual(rank(rows, names), ["3", "1", "4", "2", "10"]);
});

test("inside a band who has waited longest without an answer comes first; answered ones sink", () => {
  const rows = [
    ranked("a", "red", { raisedMs: 10 }),
    ranked("b", "red", { raisedMs: 5, acknowledged: true }),
    ranked("c", "red", { raisedMs: 7 }),
  ];
  assert.deepEqual(rank(rows, names), ["c", "a", "b"]);
});

test("a row in use stays where it is, and the fewest that must move are counted", () => {
  assert.deepEqual(settle(["a", "b", "c"], ["c", "a", "b"], true), {
    order: ["a", "b", "c"],
    waiting: 1,
  });
  assert.deepEqual(settle(["a", "b", "c"], ["c", "a", "b"], false), {
    order: ["c", "a", "b"],
    waiting: 0,
  });
});

test("while held a new patient is added at the end, and one who left keeps the place", () => {
  assert.deepEqual(settle(["a", "b"], ["new", "b"], true), {
    order: ["a", "b", "new"],
    waiting: 2,
  });
});

test("whatever happens, a held list only ever grows at its end", () => {
  const random = seeded(7);
  let shown: readonly string[] = [];
  for (let step = 0; step < 500; step += 1) {
    const rows = [...Array(12).keys()]
      .filter(() => random() < 0.8)
      .map((n) => ranked(String(n), BANDS[Math.floor(random() * 4)] ?? "rest"));
    const held = random() < 0.7;
    const next = settle(shown, rank(rows, names), held);
    if (held) assert.deepEqual(next.order.slice(0, shown.length), shown);
    else assert.deepEqual(next, { order: rank(rows, names), waiting: 0 });
    shown = next.order;
  }
});

/** Park and Miller's generator: the same numbers at each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}
