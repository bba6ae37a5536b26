import { type WardAlert, isAcknowledged } from "./alert.ts";

/** What may be sounded. */
export type Tone = "red" | "yellow" | "call" | "lost";

/** A red alert that nobody takes sounds again after this long; IEC 60601-1-8 has 2.5 to 15 s between bursts. */
export const RED_AGAIN_MS = 15_000;
/** A patient who calls is heard like a telephone. */
export const RING_AGAIN_MS = 5_000;
/** Short breaks of the link are on the screen; a longer one is also heard, once. */
export const LOST_AFTER_MS = 10_000;

/** A network that comes and goes is told of once, until it has held for so long. */
export const STEADY_MS = 60_000;
/** More than a ward raises in days; the oldest are forgotten first. */
const MOST_HEARD = 500;

/** Decides what is heard when: each new alert once, red and a call until someone takes it, nothing else twice. */
export class SoundPolicy {
  readonly #heard: Set<string>;
  #alerts: readonly WardAlert[] = [];
  #redAtMs = -RED_AGAIN_MS;
  #rangAtMs = -RING_AGAIN_MS;
  #lostSinceMs: number | null = null;
  #backSinceMs: number | null = null;
  #lostTold = false;

  /** `heard`: the alerts that this tab has sounded already. */
  constructor(heard: Iterable<string>) {
    this.#heard = new Set(heard);
  }

  get heard(): readonly string[] {
    return [...this.#heard];
  }

  take(alerts: readonly WardAlert[]): void {
    this.#alerts = alerts.filter((alert) => !isAcknowledged(alert));
  }

  /** The tone that is due at `nowMs` of the monotonic clock; asking counts as having sounded it. */
  due(nowMs: number, connected: boolean): Tone | null {
    const lost = this.#lost(nowMs, connected);
    const fresh = this.#alerts.filter((alert) => alert.priority !== "blue" && !this.#heard.has(named(alert)));
    for (const alert of fresh) this.#remember(named(alert));
    const red = this.#alerts.some((alert) => alert.priority === "red");
    const redDue = nowMs - this.#redAtMs >= RED_AGAIN_MS;
    if (fresh.some((alert) => alert.priority === "red") || (red && redDue)) {
      this.#redAtMs = nowMs;
      return "red";
    }
    if (this.#alerts.some((alert) => alert.call) && nowMs - this.#rangAtMs >= RING_AGAIN_MS) {
      this.#rangAtMs = nowMs;
      return "call";
    }
    return fresh.some((alert) => !alert.call) ? "yellow" : lost;
  }

  /** Kept also when it is told of no longer: a hub that starts again may know it a moment later. */
  #remember(name: string): void {
    this.#heard.add(name);
    for (const oldest of this.#heard) {
      if (this.#heard.size <= MOST_HEARD) break;
      this.#heard.delete(oldest);
    }
  }

  #lost(nowMs: number, connected: boolean): Tone | null {
    if (connected) {
      this.#lostSinceMs = null;
      this.#backSinceMs ??= nowMs;
      if (nowMs - this.#backSinceMs >= STEADY_MS) this.#lostTold = false;
      return null;
    }
    this.#backSinceMs = null;
    this.#lostSinceMs ??= nowMs;
    if (this.#lostTold || nowMs - this.#lostSinceMs < LOST_AFTER_MS) return null;
    this.#lostTold = true;
    return "lost";
  }
}

/** What waits for its repeat, or a call, has the same id each time; when it began tells the times apart. */
function named(alert: WardAlert): string {
  return `${alert.id} ${alert.raised_ms}`;
}
