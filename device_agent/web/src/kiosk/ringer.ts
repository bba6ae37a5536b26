import type { Loudness } from "./screen.ts";

/** Also with the sound off a call is heard: somebody waits for an answer. */
const GAIN: Record<Loudness, number> = { off: 0.1, low: 0.2, high: 0.6 };
const EVERY_MS = 3000;
const TONES_HZ = [660, 880] as const;
const TONE_S = 0.45;

/** A telephone: two calm tones every three seconds, made here so that no file can be missing. */
export class Ringer {
  #context: AudioContext | null = null;
  #timer = 0;
  #loudness: Loudness = "off";

  ring(rings: boolean, loudness: Loudness): void {
    this.#loudness = loudness;
    if (rings === (this.#timer !== 0)) return;
    if (!rings) {
      clearInterval(this.#timer);
      this.#timer = 0;
      return;
    }
    this.#timer = window.setInterval(() => this.#tones(), EVERY_MS);
    this.#tones();
  }

  #tones(): void {
    const context = (this.#context ??= new AudioContext());
    TONES_HZ.forEach((hertz, index) => {
      const oscillator = context.createOscillator();
      const gain = context.createGain();
      oscillator.frequency.value = hertz;
      const from = context.currentTime + index * TONE_S;
      gain.gain.setValueAtTime(GAIN[this.#loudness], from);
      gain.gain.exponentialRampToValueAtTime(0.001, from + TONE_S);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(from + TONE_S);
    });
  }
}
