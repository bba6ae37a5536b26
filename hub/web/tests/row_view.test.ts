import assert from "node:assert/strict";
import { test } from "node:test";
import { Formats } from "../src/format/moment.ts";
import type { LiveRow } from "../src/model/row.ts";
import { NO_VALUE, type RowView, viewRow } from "../src/ward/row_view.ts";
import { liveRow } from "./rows.ts";

const NOW_MS = Date.parse("2026-11-20T10:04:32Z");
const formats = new Formats("nb-NO");

function view(changes: Partial<LiveRow>, connected = true): RowView {
  const row = liveRow({ measured_at_ms: NOW_MS, received_at_ms: NOW_MS, ...changes });
  return viewRow(row, NOW_MS, connected, {}, formats);
}

test("a live value stands without remark", () => {
  assert.deepEqual(view({}), {
    freshness: "live",
    mode: "continuous",
    spo2: "91",
    pulse: "82",
    age: "age.now",
    remark: "",
    marks: "",
    unread: false,
  });
});

test("whose numbers they may be is said in words", () => {
  assert.equal(view({ marks: ["unconfirmed", "alike"] }).marks, "mark.unconfirmed · mark.alike");
});

test("a removed finger shows no number, whatever the meter still says", () => {
  const shown = view({ quality: 0, flags: ["no-finger"], spo2_pct: 97, pulse_bpm: 60 });
  assert.equal(shown.spo2, NO_VALUE);
  assert.equal(shown.pulse, NO_VALUE);
  assert.equal(shown.remark, "reason.finger_out");
});

test("one missing number is a dash beside the other, with the reason", () => {
  const shown = view({ pulse_bpm: null, flags: ["weak-signal"] });
  assert.deepEqual([shown.spo2, shown.pulse, shown.remark], ["91", NO_VALUE, "reason.weak_pulse"]);
});

test("the reason that explains most is told", () => {
  const shown = view({ quality: 0, flags: ["artefact", "no-finger"] });
  assert.equal(shown.remark, "reason.finger_out");
  assert.equal(view({ quality: 0, flags: ["a-flag-of-tomorrow"] }).remark, "reason.no_signal");
});

test("an old value says whether the hub, the suitcase or the data is missing", () => {
  const old = { measured_at_ms: NOW_MS - 10_000 };
  assert.equal(view({}, false).remark, "stale.disconnected");
  assert.equal(view({ ...old, received_at_ms: NOW_MS - 9000 }).remark, "stale.silent");
  assert.equal(view({ ...old, received_at_ms: NOW_MS - 1000 }).remark, "stale.delayed");
});

test("never measured is said, not dashed alone", () => {
  const shown = view({ measured_at_ms: null, received_at_ms: null, spo2_pct: null });
  assert.deepEqual([shown.spo2, shown.age, shown.remark], [NO_VALUE, "", "reason.never_measured"]);
});
