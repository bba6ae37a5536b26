import assert from "node:assert/strict";
import { test } from "node:test";

import { BlowCurve } from "../src/kiosk/blow_curve.ts";
import type { Effort } from "../src/kiosk/screen.ts";

function effort(phase: Effort["phase"], elapsed_s: number, volume_l: number): Effort {
  return { phase, elapsed_s, volume_l, share: 0 };
}

test("a blow stands where its time and volume are", () => {
  const curve = new BlowCurve();
  curve.add(effort("waiting", 0, 0));
  curve.add(effort("blowing", 3, 1));
  assert.deepEqual(curve.scaled(), [{ x: 0.5, y: 0.5 }]);
});

test("nothing leaves the picture, however long and large the blow", () => {
  const curve = new BlowCurve();
  for (let s = 0; s <= 15; s += 0.5) curve.add(effort("blowing", s, s / 2));
  for (const { x, y } of curve.scaled()) assert.ok(x >= 0 && x <= 1 && y >= 0 && y <= 1);
});

test("the breath in is not drawn, and the next blow begins anew", () => {
  const curve = new BlowCurve();
  curve.add(effort("blowing", 2, 1));
  curve.add(effort("breathed-in", 3, 1));
  assert.equal(curve.scaled().length, 1);
  curve.add(effort("blowing", 0.1, 0.3));
  assert.equal(curve.scaled().length, 1);
});
