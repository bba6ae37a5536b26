import assert from "node:assert/strict";
import { test } from "node:test";

import { scaled, WaveQueue } from "../src/kiosk/wave.ts";

test("a second of samples is drawn over a second", () => {
  const queue = new WaveQueue();
  queue.add([...Array(60).keys()], 60);
  assert.equal(queue.take(0.5).length, 30);
  assert.deepEqual(queue.take(0.5).slice(-1), [59]);
  assert.deepEqual(queue.take(0.5), []);
});

test("after a pause the eye sees the present, not what has waited", () => {
  const queue = new WaveQueue();
  for (let second = 0; second < 10; second += 1) queue.add(Array<number>(60).fill(second), 60);
  const waiting = queue.take(10);
  assert.equal(waiting.length, 150);
  assert.equal(waiting.at(-1), 9);
});

test("the wave fills its height, and a flat line lies in the middle", () => {
  assert.deepEqual(scaled([10, 30, 20]), [0, 1, 0.5]);
  assert.deepEqual(scaled([7, 7]), [0.5, 0.5]);
});
