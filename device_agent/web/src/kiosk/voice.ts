import type { Loudness } from "./screen.ts";

const LOUDNESS: Record<Loudness, number> = { off: 0, low: 0.4, high: 1 };

/** Says what the screen says, once for each screen; a new screen interrupts the old one. */
export class Voice {
  readonly #audio = new Audio();
  #waiting: string[] = [];
  #said = "";

  constructor() {
    this.#audio.addEventListener("ended", () => this.#next());
  }

  say(clips: readonly string[], loudness: Loudness): void {
    this.#audio.volume = LOUDNESS[loudness];
    const wanted = clips.join(" ");
    if (wanted === this.#said) return;
    this.#said = wanted;
    this.#audio.pause();
    this.#waiting = loudness === "off" ? [] : [...clips];
    this.#next();
  }

  #next(): void {
    const clip = this.#waiting.shift();
    if (clip === undefined) return;
    this.#audio.src = clip;
    // A box without a loudspeaker is no reason to stop.
    this.#audio.play().catch(() => undefined);
  }
}
