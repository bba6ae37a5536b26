import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerClock } from "../src/model/clock.ts";
import { SILENCE_LIMIT_MS, isSilent } from "../src/model/watch.ts";

test("the hub's time is unknown before its first message", () => {
  assert.equal(new ServerClock().nowMs(123), null);
});

test("the least delayed message sets the time, so that values never look younger than they are", () => {
  const clock = new ServerClock();
  clock.observe(10_000, 0);
  clock.observe(10_400, 1000); // 600 ms late
  assert.equal(clock.nowMs(2000), 12_000);
});

test("after sleep the hub is ahead at once", () => {
  const clock = new ServerClock();
  clock.observe(10_000, 0);
  clock.observe(3_610_000, 500);
  assert.equal(clock.nowMs(500), 3_610_000);
});

test("a clock set back at the hub is believed after half a minute of heartbeats", () => {
  const clock = new ServerClock();
  clock.observe(100_000, 0);
  for (let second = 1; second <= 30; second += 1) clock.observe(50_000 + second * 1000, second * 1000);
  assert.equal(clock.nowMs(30_000), 80_000);
});

test("four seconds without a heartbeat is silence, on either of the machine's clocks", () => {
  const beat = { monotonicMs: 1000, wallMs: 5000 };
  const after = (monotonicMs: number, wallMs: number): boolean =>
    isSilent(beat, { monotonicMs: 1000 + monotonicMs, wallMs: 5000 + wallMs });
  assert.equal(isSilent(null, beat), true);
  assert.equal(after(SILENCE_LIMIT_MS, SILENCE_LIMIT_MS), false);
  assert.equal(after(SILENCE_LIMIT_MS + 1, 0), true);
  assert.equal(after(0, 3_600_000), true); // asleep with the monotonic clock stopped
  assert.equal(after(100, -3_600_000), false); // wall clock set back: the monotonic one knows
});
