import assert from "node:assert/strict";
import { test } from "node:test";
import { ANEW_AFTER_MS, FROZEN_AFTER_MS, FrameWatch, LOOK_MS } from "../src/call/frozen.ts";

test("a picture is soon frozen after the last one, and for as long as none comes", () => {
  const watch = new FrameWatch();
  watch.expect(0);
  watch.counted(1, 1000);
  assert.equal(watch.frozenMs(1000 + FROZEN_AFTER_MS), 0);
  assert.equal(watch.frozenMs(3000), 2000);
  // A new connection is not yet a picture.
  watch.tried(3000);
  watch.expect(3000);
  assert.equal(watch.frozenMs(4000), 3000);
  watch.counted(0, 3500);
  assert.equal(watch.frozenMs(4000), 3000);
  watch.counted(1, 4001);
  assert.equal(watch.frozenMs(4500), 0);
});

test("whenever the last picture came between two looks, it is told within 1.5 s, with a late look to spare", () => {
  for (let lastMs = 0; lastMs < LOOK_MS; lastMs += 1) {
    const watch = new FrameWatch();
    watch.expect(-5000);
    let nowMs = 0;
    for (watch.counted(1, -LOOK_MS); watch.frozenMs(nowMs) === 0; nowMs += LOOK_MS) watch.counted(nowMs < lastMs ? 1 : 2, nowMs);
    assert.ok(nowMs - lastMs <= 1500 - LOOK_MS, `${nowMs - lastMs} ms`);
  }
});

test("the first new connection waits for a dip to end, the next ones come sooner and then seldom again", () => {
  const watch = new FrameWatch();
  watch.expect(0);
  watch.tried(0);
  watch.counted(1, 1000);
  const triesS: number[] = [];
  for (let nowMs = 1000; nowMs < 60_000; nowMs += 250) {
    if (!watch.isDue(nowMs)) continue;
    watch.tried(nowMs);
    triesS.push(nowMs / 1000);
  }
  assert.equal(triesS[0], (1000 + ANEW_AFTER_MS + 250) / 1000);
  const gapsS = triesS.slice(1).map((tryS, index) => tryS - (triesS[index] ?? 0));
  assert.deepEqual(gapsS.slice(0, 4), [4.25, 6.25, 9.25, 10.25]);
  // A picture came: the next break is a dip again.
  watch.counted(2, 60_000);
  assert.equal(watch.isDue(60_000 + ANEW_AFTER_MS), false);
});

test("without a picture nothing is frozen and nothing is due", () => {
  const watch = new FrameWatch();
  assert.equal(watch.isDue(ANEW_AFTER_MS * 2), false);
  watch.expect(0);
  watch.rest();
  watch.counted(1, 10);
  assert.equal(watch.frozenMs(60_000), 0);
  assert.equal(watch.isDue(60_000), false);
});
