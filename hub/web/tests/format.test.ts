import assert from "node:assert/strict";
import { test } from "node:test";
import { ageText } from "../src/format/age.ts";
import { Formats } from "../src/format/moment.ts";
import { counted, text } from "../src/format/text.ts";

const nb = new Formats("nb-NO");
const TEXTS = {
  "age.now": "nå",
  "age.seconds": "for {n} s siden",
  "age.minutes": "for {n} min siden",
  "age.today": "kl. {time}",
  "age.yesterday": "i går {time}",
  "age.earlier": "{day} {time}",
  "row.one": "{count} endring",
  "row.other": "{count} endringer",
};
const at = (iso: string): number => Date.parse(iso);
const aged = (taken: string, now: string): string =>
  ageText(at(now) - at(taken), at(now), TEXTS, nb);

test("numbers have a decimal comma and are never rounded up past a limit", () => {
  assert.equal(nb.number(91), "91");
  assert.equal(nb.number(83.96), "83,9");
});

test("the age of a value is said as a person would", () => {
  const now = "2026-11-20T10:04:32Z";
  assert.equal(aged("2026-11-20T10:04:31Z", now), "nå");
  assert.equal(aged("2026-11-20T10:04:20Z", now), "for 12 s siden");
  assert.equal(aged("2026-11-20T10:00:32Z", now), "for 4 min siden");
  assert.equal(aged("2026-11-20T08:00:00Z", now), "kl. 09:00");
  assert.equal(aged("2026-11-19T08:00:00Z", now), "i går 09:00");
  assert.equal(aged("2026-11-12T08:00:00Z", now), "12. nov. 09:00");
});

test("yesterday ends at midnight in Norway", () => {
  assert.equal(aged("2026-11-19T22:59:00Z", "2026-11-20T00:30:00Z"), "i går 23:59");
  assert.equal(aged("2026-11-19T23:01:00Z", "2026-11-20T00:30:00Z"), "kl. 00:01");
});

test("the hour that an autumn night has twice is told apart", () => {
  assert.equal(nb.time(at("2026-10-25T00:30:00Z")), "02:30 (GMT+2)");
  assert.equal(nb.time(at("2026-10-25T01:30:00Z")), "02:30 (GMT+1)");
  assert.equal(nb.time(at("2026-10-25T02:30:00Z")), "03:30");
  assert.equal(nb.daysBetween(at("2026-10-24T20:00:00Z"), at("2026-10-25T20:00:00Z")), 1);
  assert.equal(nb.daysBetween(at("2026-03-28T20:00:00Z"), at("2026-03-29T20:00:00Z")), 1);
});

test("a night in spring skips an hour without harm", () => {
  assert.equal(nb.time(at("2026-03-29T00:59:00Z")), "01:59");
  assert.equal(nb.time(at("2026-03-29T01:00:00Z")), "03:00");
});

test("texts are filled in, counted, and shown as their key when missing", () => {
  assert.equal(counted(TEXTS, "row", 1), "1 endring");
  assert.equal(counted(TEXTS, "row", 2), "2 endringer");
  assert.equal(text(TEXTS, "absent"), "absent");
});
