import assert from "node:assert/strict";
import { test } from "node:test";
import { marked, moved, parsePeriod, periodQuery, rangeName, zoomed } from "../src/model/period.ts";

const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

test("a period is a link, and the usual one needs none", () => {
  assert.deepEqual(parsePeriod(""), { hours: 24, endMs: null });
  assert.equal(periodQuery({ hours: 24, endMs: null }), "");
  for (const period of [
    { hours: 168, endMs: null },
    { hours: 24, endMs: NOW_MS },
    { hours: 5, endMs: NOW_MS },
    { hours: 5, endMs: null },
  ]) {
    assert.deepEqual(parsePeriod(periodQuery(period)), period);
  }
});

test("nonsense in the address is the usual period", () => {
  for (const query of ["?range=x", "?hours=0", "?hours=1.5", "?hours=99999999", "?end=-1", "?end=x"]) {
    assert.deepEqual(parsePeriod(query), { hours: 24, endMs: null });
  }
});

test("moving back and forth comes home to now, though time has passed", () => {
  const earlier = moved({ hours: 24, endMs: null }, -1, NOW_MS);
  assert.deepEqual(earlier, { hours: 24, endMs: NOW_MS - 12 * HOUR_MS });
  assert.deepEqual(moved(earlier, 1, NOW_MS + 60_000), { hours: 24, endMs: null });
});

test("what a person marks is wholly shown", () => {
  const period = marked(NOW_MS - 10 * HOUR_MS, NOW_MS - 7.5 * HOUR_MS, NOW_MS);
  assert.equal(period.hours, 3);
  assert.ok(period.endMs !== null && period.endMs >= NOW_MS - 7.5 * HOUR_MS);
  assert.ok(period.endMs - 3 * HOUR_MS <= NOW_MS - 10 * HOUR_MS);
  assert.equal(rangeName(period), null);
});

test("what lies under the fingers stays there", () => {
  const day = { hours: 24, endMs: NOW_MS - 240 * HOUR_MS };
  const closer = zoomed(day, 2, 0.5, NOW_MS);
  assert.deepEqual(closer, { hours: 12, endMs: day.endMs - 6 * HOUR_MS });
  assert.deepEqual(zoomed(closer, 0.5, 0.5, NOW_MS), day);
  assert.deepEqual(zoomed({ hours: 24, endMs: null }, 1.5, 1, NOW_MS), { hours: 16, endMs: null });
  assert.equal(zoomed({ hours: 1, endMs: null }, 3, 0.5, NOW_MS).hours, 1);
  assert.equal(zoomed({ hours: 24 * 365, endMs: null }, 0.1, 0.5, NOW_MS).hours, 24 * 365);
});
