import assert from "node:assert/strict";
import { test } from "node:test";
import { measured } from "../src/model/caliper.ts";

const PAPER = { mmPerS: 25, mmPerMv: 10 };

test("four large squares are 800 ms and 75 beats a minute", () => {
  assert.equal(measured({ x: 40, y: 60 }, { x: 60, y: 60 }, PAPER, "nb-NO"), "800 ms · 75 /min · 0 mV");
});

test("the way back is as long, and up is positive", () => {
  assert.equal(measured({ x: 60, y: 60 }, { x: 50, y: 55 }, PAPER, "nb-NO"), "400 ms · 150 /min · 0,5 mV");
});

test("no rate without a distance", () => {
  assert.equal(measured({ x: 60, y: 50 }, { x: 60, y: 60 }, { mmPerS: 50, mmPerMv: 20 }, "en-GB"), "0 ms · -0.5 mV");
});
