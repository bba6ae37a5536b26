import assert from "node:assert/strict";
import { test } from "node:test";
import { HourTrend, TREND_BUCKETS, TREND_MS } from "../src/model/trend.ts";

const END_MS = 1_800_000_000_000;
const BUCKET_MS = TREND_MS / TREND_BUCKETS;

test("live values fill the newest bucket with their mean, gaps stay gaps", () => {
  const trend = new HourTrend();
  trend.add(END_MS, 90);
  trend.add(END_MS + 1, 92);
  trend.add(END_MS - 10 * BUCKET_MS, 88);
  const { times, means } = trend.until(END_MS + 1);
  assert.equal(times.length, TREND_BUCKETS);
  assert.equal(means.at(-1), 91);
  assert.equal(means.at(-11), 88);
  assert.equal(means.filter((mean) => mean !== null).length, 2);
});

test("the hub's answer replaces what it covers and keeps what came live after it", () => {
  const trend = new HourTrend();
  trend.add(END_MS, 80);
  trend.load({
    t_ms: [END_MS - 2 * BUCKET_MS, END_MS - BUCKET_MS],
    minimum: [null, 94],
    mean: [null, 95],
    maximum: [null, 96],
    count: [0, 30],
  });
  const { means } = trend.until(END_MS);
  assert.deepEqual(means.slice(-3), [null, 95, 80]);
});

test("a trend that nobody draws keeps an hour and no more", () => {
  const trend = new HourTrend();
  const ADDED = 3 * TREND_BUCKETS;
  for (let minute = 0; minute < ADDED; minute += 1) trend.add(END_MS + minute * BUCKET_MS, 90);
  const early = trend.until(END_MS + TREND_MS - BUCKET_MS);
  assert.deepEqual(early.means.filter((mean) => mean !== null), []);
});
