import assert from "node:assert/strict";
import { test } from "node:test";
import { Formats } from "../src/format/moment.ts";
import { type WardAlert, byPatient } from "../src/model/alert.ts";
import { matches, parseFilter, withFilter } from "../src/model/filter.ts";
import { LOST_AFTER_MS, RED_AGAIN_MS, RING_AGAIN_MS, SoundPolicy } from "../src/model/sound.ts";
import { WardState } from "../src/model/ward_state.ts";
import { duration, viewAlerts } from "../src/ward/alert_view.ts";
import { liveRow } from "./rows.ts";

const formats = new Formats("nb-NO");

function alert(id: string, changes: Partial<WardAlert> = {}): WardAlert {
  return {
    id,
    patient: "p-1",
    priority: "red",
    reason: { nb: "SpO₂ under 84 % to ganger" },
    raised_ms: 1000,
    acknowledged_by: null,
    acknowledged_ms: null,
    waiting: false,
    takeable: true,
    card: null,
    call: false,
    reminds: false,
    ...changes,
  };
}

const taken = { acknowledged_by: "Sykepleier Test", acknowledged_ms: 5000 };

test("the alert that needs someone first speaks for the patient", () => {
  const alerts = [alert("y", { priority: "yellow" }), alert("t", taken), alert("r", { raised_ms: 9 })];
  assert.deepEqual(byPatient(alerts).get("p-1")?.map(({ id }) => id), ["r", "t", "y"]);
});

test("a row says why, how long nobody has taken it, or who has", () => {
  const open = viewAlerts([alert("a"), alert("b")], 131_000, {}, formats);
  assert.equal(open.cause, "SpO₂ under 84 % to ganger alert.more");
  assert.deepEqual([open.band, open.acknowledged, open.status], ["red", false, "alert.waiting"]);
  assert.equal(viewAlerts([alert("a", taken)], 9000, {}, formats).status, "alert.taken");
  assert.equal(viewAlerts([], 9000, {}, formats).band, "rest");
});

test("a first reading beyond a limit is seen, and a VIP card says where to", () => {
  const waiting = alert("w", { priority: "yellow", waiting: true, takeable: false });
  const seen = viewAlerts([waiting], 9000, {}, formats);
  assert.deepEqual([seen.band, seen.takeable, seen.status], ["yellow", false, ""]);
  const behind = byPatient([waiting, alert("y", { priority: "yellow", raised_ms: 2000 })]);
  assert.deepEqual(behind.get("p-1")?.map(({ id }) => id), ["y", "w"]);
  const texts = { "alert.vip": "VIP: {said}", "alert.fast_track": "hurtigspor" };
  const card = { fast_track: true, preferred_ward: "Lungeposten", plan_contact: "" };
  const vip = viewAlerts([alert("a", { ...taken, card })], 9000, texts, formats);
  assert.equal(vip.status, "alert.taken · VIP: hurtigspor, Lungeposten");
});

test("a duration is read like a stopwatch", () => {
  assert.deepEqual([130_999, 3_730_000, -5].map(duration), ["2:10", "1:02:10", "0:00"]);
});

test("alerts decide the order of the ward", () => {
  const ward = new WardState("nb-NO");
  ward.takeSnapshot([1, 2, 10].map((n) => liveRow({ patient: `p-${n}`, display_name: `Testpasient ${n}` })));
  assert.deepEqual(ward.order(), ["p-1", "p-2", "p-10"]);
  ward.takeAlerts([alert("a", { patient: "p-10" }), alert("b", { patient: "p-2", priority: "blue" })]);
  assert.deepEqual(ward.order(), ["p-10", "p-2", "p-1"]);
});

test("a red alert sounds at once and again until it is taken, a yellow one once", () => {
  const sound = new SoundPolicy([]);
  sound.take([alert("y", { priority: "yellow" })]);
  assert.equal(sound.due(0, true), "yellow");
  assert.equal(sound.due(60_000, true), null);
  sound.take([alert("y", { priority: "yellow" }), alert("r")]);
  assert.equal(sound.due(60_001, true), "red");
  assert.equal(sound.due(60_002, true), null);
  assert.equal(sound.due(60_001 + RED_AGAIN_MS, true), "red");
  sound.take([alert("r", taken)]);
  assert.equal(sound.due(600_000, true), null);
});

test("the same alerts told again after a break of the link make no second sound", () => {
  const alerts = [alert("y", { priority: "yellow" })];
  const sound = new SoundPolicy([]);
  sound.take(alerts);
  assert.equal(sound.due(0, true), "yellow");
  sound.take(alerts);
  assert.equal(sound.due(1, true), null);
  const reloaded = new SoundPolicy(sound.heard);
  reloaded.take(alerts);
  assert.equal(reloaded.due(2, true), null);
});

test("blue is never heard", () => {
  const sound = new SoundPolicy([]);
  sound.take([alert("b", { priority: "blue" })]);
  assert.equal(sound.due(0, true), null);
});

test("a lost link is heard once, and not when it is short", () => {
  const sound = new SoundPolicy([]);
  assert.equal(sound.due(0, false), null);
  assert.equal(sound.due(LOST_AFTER_MS - 1, false), null);
  assert.equal(sound.due(LOST_AFTER_MS, false), "lost");
  assert.equal(sound.due(LOST_AFTER_MS + 60_000, false), null);
  assert.equal(sound.due(LOST_AFTER_MS + 60_001, true), null);
  assert.equal(sound.due(LOST_AFTER_MS + 60_002, false), null);
});

test("a network that comes and goes is heard once", () => {
  const sound = new SoundPolicy([]);
  const heard: (string | null)[] = [];
  for (let nowMs = 0; nowMs < 600_000; nowMs += 250) heard.push(sound.due(nowMs, nowMs % 20_000 > 15_000));
  assert.deepEqual(heard.filter((tone) => tone !== null), ["lost"]);
});

test("a hub that starts again and knows its alerts a moment later makes no second sound", () => {
  const alerts = [alert("y", { priority: "yellow" })];
  const sound = new SoundPolicy([]);
  sound.take(alerts);
  assert.equal(sound.due(0, true), "yellow");
  sound.take([]);
  assert.equal(sound.due(250, true), null);
  sound.take(alerts);
  assert.equal(sound.due(500, true), null);
});

test("a second call under the same id is a call", () => {
  const call = (raised_ms: number): WardAlert => alert("waiting:l:call", { priority: "yellow", call: true, raised_ms });
  const sound = new SoundPolicy([]);
  sound.take([call(1)]);
  assert.equal(sound.due(0, true), "call");
  sound.take([call(9)]);
  assert.equal(sound.due(60_000, true), "call");
});

test("a filter is a link", () => {
  const filter = { query: "pasient 3", show: "alerts" } as const;
  assert.equal(withFilter("?wall=1", filter), "?wall=1&q=pasient+3&show=alerts");
  assert.deepEqual(parseFilter(withFilter("", filter)), filter);
  assert.equal(withFilter("?q=x&show=alerts", { query: " ", show: "all" }), "");
  assert.deepEqual(parseFilter("?show=nonsense"), { query: "", show: "all" });
});

test("a filter finds a patient by part of the name or the suitcase", () => {
  const row = {
    name: "Testpasient 3",
    suitcase: "koffert-003",
    band: "rest",
    freshness: "live",
  } as const;
  assert.equal(matches(row, { query: "PASIENT 003", show: "all" }), true);
  assert.equal(matches(row, { query: "4", show: "all" }), false);
  assert.equal(matches(row, { query: "", show: "alerts" }), false);
  assert.equal(matches({ ...row, band: "blue" }, { query: "", show: "alerts" }), true);
  assert.equal(matches({ ...row, freshness: "stale" }, { query: "", show: "silent" }), true);
});

test("a call rings until somebody takes it, and is answered with video", () => {
  const sound = new SoundPolicy([]);
  const call = alert("c", { priority: "yellow", waiting: true, call: true });
  sound.take([call]);
  assert.deepEqual([sound.due(0, true), sound.due(RING_AGAIN_MS - 1, true), sound.due(RING_AGAIN_MS, true)], ["call", null, "call"]);
  assert.equal(viewAlerts([alert("r"), call], 2000, {}, formats).call?.id, "c");
  const answered = { ...call, ...taken };
  sound.take([answered]);
  assert.equal(sound.due(3 * RING_AGAIN_MS, true), null);
  assert.equal(viewAlerts([answered], 2000, {}, formats).call, null);
});
