import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CONTINUOUS_LIMIT_MS,
  SPOT_LIMIT_MS,
  ageMs,
  freshness,
} from "../src/model/freshness.ts";
import { supersedes } from "../src/model/row.ts";
import { liveRow } from "./rows.ts";

const NOW_MS = 1_800_000_000_000;

test("a continuous value stands for four seconds after it was measured", () => {
  const row = liveRow({ measured_at_ms: NOW_MS, received_at_ms: NOW_MS });
  assert.equal(freshness(row, NOW_MS + CONTINUOUS_LIMIT_MS, true), "live");
  assert.equal(freshness(row, NOW_MS + CONTINUOUS_LIMIT_MS + 1, true), "stale");
});

test("age is that of the measurement, not of its arrival", () => {
  const row = liveRow({ measured_at_ms: NOW_MS - 60_000, received_at_ms: NOW_MS });
  assert.equal(ageMs(row, NOW_MS), 60_000);
  assert.equal(freshness(row, NOW_MS, true), "stale");
});

test("a meter whose clock runs ahead cannot make a value younger than its arrival", () => {
  const row = liveRow({ measured_at_ms: NOW_MS + 3_600_000, received_at_ms: NOW_MS });
  assert.equal(ageMs(row, NOW_MS + 10_000), 10_000);
  assert.equal(freshness(row, NOW_MS + 10_000, true), "stale");
});

test("a single measurement stands for a day", () => {
  const row = liveRow({ mode: "spot", measured_at_ms: NOW_MS, received_at_ms: NOW_MS });
  assert.equal(freshness(row, NOW_MS + SPOT_LIMIT_MS, true), "live");
  assert.equal(freshness(row, NOW_MS + SPOT_LIMIT_MS + 1, true), "stale");
});

test("without the hub, or before its time is known, nothing is live", () => {
  const row = liveRow({ measured_at_ms: NOW_MS, received_at_ms: NOW_MS });
  assert.equal(freshness(row, NOW_MS, false), "stale");
  assert.equal(freshness(row, null, true), "stale");
});

test("what the meter marked bad is no value, however new", () => {
  for (const bad of [{ quality: 0 }, { spo2_pct: null, pulse_bpm: null }]) {
    const row = liveRow({ measured_at_ms: NOW_MS, received_at_ms: NOW_MS, ...bad });
    assert.equal(freshness(row, NOW_MS, true), "invalid");
    assert.equal(freshness(row, NOW_MS, false), "invalid");
  }
});

test("a patient who never measured has nothing to be old", () => {
  const row = liveRow({ measured_at_ms: null, received_at_ms: null, spo2_pct: null });
  assert.equal(freshness(row, NOW_MS, true), "none");
});

test("a backlog that arrives late does not replace a newer value", () => {
  const shown = liveRow({ measured_at_ms: NOW_MS, sequence: 7 });
  const late = liveRow({ measured_at_ms: NOW_MS - 1000, sequence: 9 });
  assert.equal(supersedes(late, shown), false);
  assert.equal(supersedes(shown, late), true);
  assert.equal(supersedes(liveRow({ measured_at_ms: NOW_MS, sequence: 8 }), shown), true);
  assert.equal(supersedes(shown, undefined), true);
});
