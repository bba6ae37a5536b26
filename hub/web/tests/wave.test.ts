import assert from "node:assert/strict";
import { test } from "node:test";
import { STALE_MS, WINDOW_MS, WaveBuffer } from "../src/model/wave.ts";

const AT_MS = 1_780_315_200_000;
const block = (seconds: number, late = 0): { at_ms: number; rate_hz: number; samples: number[] } => ({
  at_ms: AT_MS + seconds * 1000 + late,
  rate_hz: 10,
  samples: Array.from({ length: 10 }, (_, index) => seconds * 10 + index),
});

test("blocks that come a little early or late are one line", () => {
  const wave = new WaveBuffer();
  for (const [seconds, late] of [[0, 0], [1, 120], [2, -90]] as const) wave.add(block(seconds, late));
  const runs = wave.until(AT_MS + 3000);
  assert.equal(runs.length, 1);
  assert.deepEqual(runs[0]?.samples, Array.from({ length: 30 }, (_, index) => index));
});

test("a missing second is a gap, never bridged", () => {
  const wave = new WaveBuffer();
  for (const seconds of [0, 1, 3]) wave.add(block(seconds));
  assert.deepEqual(wave.until(AT_MS + 4000).map((run) => run.samples.length), [20, 10]);
});

test("what came twice or late is not drawn over the new", () => {
  const wave = new WaveBuffer();
  for (const seconds of [5, 6, 5, 2]) wave.add(block(seconds));
  assert.deepEqual(wave.until(AT_MS + 7000).map((run) => run.samples.length), [20]);
});

test("it grows old, and forgets what has left the picture", () => {
  const wave = new WaveBuffer();
  assert.equal(wave.isStale(AT_MS), true);
  assert.equal(wave.range, null);
  for (let seconds = 0; seconds < 600; seconds += 1) wave.add(block(seconds));
  const endMs = AT_MS + 600_000;
  assert.equal(wave.isStale(endMs + STALE_MS), false);
  assert.equal(wave.isStale(endMs + STALE_MS + 1), true);
  const kept = wave.until(endMs).reduce((count, run) => count + run.samples.length, 0);
  assert.ok(kept >= WINDOW_MS / 100 && kept < 200, String(kept));
  assert.deepEqual(wave.range?.[1], 5999);
});

test("nonsense is not drawn", () => {
  const wave = new WaveBuffer();
  wave.add({ at_ms: AT_MS, rate_hz: 0, samples: [1] });
  wave.add({ at_ms: AT_MS, rate_hz: 10, samples: [] });
  assert.deepEqual(wave.until(AT_MS), []);
});
