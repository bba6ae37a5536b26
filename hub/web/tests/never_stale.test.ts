import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Formats } from "../src/format/moment.ts";
import { ServerClock } from "../src/model/clock.ts";
import { CONTINUOUS_LIMIT_MS } from "../src/model/freshness.ts";
import { type LiveRow, supersedes } from "../src/model/row.ts";
import { HeartbeatWatch, type Moment } from "../src/model/watch.ts";
import { viewRow } from "../src/ward/row_view.ts";
import { liveRow } from "./rows.ts";

/** What the page may be late by: its tick, and the least delay that one of the newest heartbeats had. */
const TICK_MS = 250;
const REMEMBERED = 30;
const FASTEST_MS = 5;
const formats = new Formats("nb-NO");

/** What the hub has to say at one moment. */
interface Said {
  readonly serverMs: number;
  readonly row: LiveRow | null;
}

/** Where what the hub says comes from: said between two moments. */
type Source = (fromMs: number, untilMs: number, measuring: boolean) => readonly Said[];

/** A heartbeat and a reading each second. */
const even: Source = (_fromMs, untilMs, measuring) => {
  if (untilMs % 1000 >= TICK_MS) return [];
  const row = liveRow({ measured_at_ms: untilMs, received_at_ms: untilMs, sequence: untilMs });
  return [{ serverMs: untilMs, row: measuring ? row : null }];
};

/**
 * What a real hub said for three minutes while a suitcase on a satellite link measured and the clip came off, on a busy machine: the
 * test of the story, recorded at the stream. Played again and again; a line is [said after ms, SpO2, pulse, quality, measured after ms].
 */
const recording = JSON.parse(
  readFileSync(new URL("recorded_session.json", import.meta.url), "utf-8"),
) as (readonly [number, number | null, number | null, number, number] | readonly [number])[];
const RECORDED_S = Math.floor((recording.at(-1)?.[0] ?? 0) / 1000) + 1;
const bySecond = Array.from({ length: RECORDED_S }, (_, second) =>
  recording.filter(([afterMs]) => Math.floor(afterMs / 1000) === second),
);

const recorded: Source = (fromMs, untilMs) => {
  const said: Said[] = [];
  for (let second = Math.floor(fromMs / 1000); second <= Math.floor(untilMs / 1000); second += 1) {
    const startMs = (second - (second % RECORDED_S)) * 1000;
    for (const [afterMs, ...reading] of bySecond[second % RECORDED_S] ?? []) {
      const serverMs = startMs + afterMs;
      if (serverMs <= fromMs || serverMs > untilMs) continue;
      const [spo2_pct, pulse_bpm, quality, measuredMs] = reading;
      const row = quality === undefined || measuredMs === undefined ? null : liveRow({
        spo2_pct: spo2_pct ?? null,
        pulse_bpm: pulse_bpm ?? null,
        quality,
        measured_at_ms: startMs + measuredMs,
        received_at_ms: serverMs,
        sequence: serverMs,
      });
      said.push({ serverMs, row });
    }
  }
  return said;
};

/**
 * A page, a hub and the line between them, in simulated time.
 *
 * The line delays, holds back and drops; the laptop sleeps with its monotonic clock stopped or running; its
 * wall clock is wrong and jumps. Whatever happens, a value shown as live was measured a moment ago.
 */
class Session {
  readonly #random: () => number;
  readonly #source: Source;
  #saidUntilMs: number;
  readonly #clock = new ServerClock();
  #trueMs = 1_800_000_000_000;
  #stoppedMs = 0;
  #wallErrorMs: number;
  readonly #watch = new HeartbeatWatch();
  #row: LiveRow | undefined;
  #line: { readonly atMs: number; readonly deliver: () => void }[] = [];
  #brokenUntilMs = 0;
  /** How late the heartbeats came that the page's clock rests on. */
  #lateMs: number[] = [];
  #measuring = true;
  liveSeen = 0;

  constructor(seed: number, source: Source) {
    this.#random = seeded(seed);
    this.#source = source;
    this.#saidUntilMs = this.#trueMs;
    this.#wallErrorMs = (this.#random() - 0.5) * 1e10;
  }

  step(): void {
    this.#advance();
    this.#hubSpeaks();
    this.#deliver();
    this.#look();
  }

  #advance(): void {
    this.#trueMs += TICK_MS;
    const chance = this.#random();
    if (chance < 0.002) this.#sleep();
    else if (chance < 0.006) this.#brokenUntilMs = this.#trueMs + this.#random() * 30_000;
    else if (chance < 0.01) this.#measuring = !this.#measuring;
    else if (chance < 0.012) this.#wallErrorMs += (this.#random() - 0.5) * 1e7;
  }

  #sleep(): void {
    const lengthMs = this.#random() * 3_600_000;
    this.#trueMs += lengthMs;
    if (this.#random() < 0.5) {
      this.#stoppedMs += lengthMs;
      this.#lateMs = this.#lateMs.map((lateMs) => lateMs + lengthMs);
    }
    // The connection did not survive; what was on the way is gone, and what was said meanwhile.
    this.#line = [];
    this.#saidUntilMs = this.#trueMs - TICK_MS;
  }

  #hubSpeaks(): void {
    for (const { serverMs, row } of this.#source(this.#saidUntilMs, this.#trueMs, this.#measuring)) {
      this.#send(() => {
        const now = this.#now();
        this.#watch.beat(now);
        this.#clock.observe(serverMs, now.monotonicMs);
        this.#lateMs = [...this.#lateMs, this.#trueMs - serverMs].slice(-REMEMBERED);
      });
      if (row === null) continue;
      this.#send(() => {
        if (supersedes(row, this.#row)) this.#row = row;
      });
    }
    this.#saidUntilMs = this.#trueMs;
  }

  #send(deliver: () => void): void {
    const delayMs = FASTEST_MS + this.#random() ** 4 * 8000;
    const heldMs = Math.max(0, this.#brokenUntilMs - this.#trueMs);
    this.#line.push({ atMs: this.#trueMs + heldMs + delayMs, deliver });
  }

  #deliver(): void {
    const due = this.#line.filter(({ atMs }) => atMs <= this.#trueMs);
    this.#line = this.#line.filter(({ atMs }) => atMs > this.#trueMs);
    for (const { deliver } of due) deliver();
  }

  #look(): void {
    if (this.#row === undefined) return;
    const now = this.#now();
    const connected = !this.#watch.isSilent(now);
    const view = viewRow(this.#row, this.#clock.nowMs(now.monotonicMs), connected, {}, formats);
    if (view.freshness !== "live") return;
    this.liveSeen += 1;
    const ageMs = this.#trueMs - (this.#row.measured_at_ms ?? 0);
    // The page's clock is as late as the least delayed of its heartbeats, and nothing else: no guess of a delay is put in.
    assert.ok(
      ageMs <= CONTINUOUS_LIMIT_MS + Math.min(...this.#lateMs) + TICK_MS,
      `${ageMs} ms old and shown as live`,
    );
  }

  #now(): Moment {
    return {
      monotonicMs: this.#trueMs - this.#stoppedMs - 1_700_000_000_000,
      wallMs: this.#trueMs + this.#wallErrorMs,
    };
  }
}

for (const [name, source] of [["even", even], ["recorded", recorded]] as const) {
  test(`whatever the line, the laptop and its clocks do to a session (${name}), no old value is shown as live`, () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const session = new Session(seed, source);
      for (let step = 0; step < 4000; step += 1) session.step();
      assert.ok(session.liveSeen > 100, "a test that never sees a live value shows nothing");
    }
  });
}

/** Park and Miller's generator: the same numbers at each run. */
function seeded(seed: number): () => number {
  let state = seed * 7919;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}
