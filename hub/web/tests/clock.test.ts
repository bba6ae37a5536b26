import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerClock } from "../src/model/clock.ts";
import { HeartbeatWatch, SILENCE_LIMIT_MS } from "../src/model/watch.ts";

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

const BEAT = { monotonicMs: 1000, wallMs: 5000 };

function silentAfter(monotonicMs: number, wallMs: number): boolean {
  const watch = new HeartbeatWatch();
  watch.beat(BEAT);
  return watch.isSilent({ monotonicMs: 1000 + monotonicMs, wallMs: 5000 + wallMs });
}

test("four seconds without a heartbeat is silence, on either of the machine's clocks", () => {
  assert.equal(new HeartbeatWatch().isSilent(BEAT), true);
  assert.equal(silentAfter(SILENCE_LIMIT_MS, SILENCE_LIMIT_MS), false);
  assert.equal(silentAfter(SILENCE_LIMIT_MS + 1, 0), true);
  assert.equal(silentAfter(0, 3_600_000), true); // asleep with the monotonic clock stopped
  assert.equal(silentAfter(100, -3_600_000), false); // wall clock set back: the monotonic one knows
});

test("only a heartbeat ends a silence, not a wall clock that is set back", () => {
  const watch = new HeartbeatWatch();
  watch.beat(BEAT);
  assert.equal(watch.isSilent({ monotonicMs: 1100, wallMs: 3_600_000 }), true);
  assert.equal(watch.isSilent({ monotonicMs: 1200, wallMs: 5200 }), true);
  assert.equal(watch.isSilent({ monotonicMs: 9000, wallMs: 5200 }), true);
  watch.beat({ monotonicMs: 9300, wallMs: 5300 });
  assert.equal(watch.isSilent({ monotonicMs: 9400, wallMs: 5400 }), false);
});

test("a wall clock set back just before the machine sleeps hides nothing", () => {
  const watch = new HeartbeatWatch();
  watch.beat(BEAT);
  assert.equal(watch.isSilent({ monotonicMs: 1250, wallMs: -600_000 }), false);
  assert.equal(watch.isSilent({ monotonicMs: 1500, wallMs: 0 }), true);
});
