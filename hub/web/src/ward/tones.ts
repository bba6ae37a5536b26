import type { Tone } from "../model/sound.ts";

/** One pulse of a tone: when it starts and how high it is. */
type Pulse = readonly [startS: number, frequencyHz: number];

const PULSE_S = 0.15;
/** Soft edges, or a loudspeaker clicks. */
const EDGE_S = 0.02;
const LOUDNESS = 0.35;

/** High priority: two times five pulses; medium: three; technical: two, falling (after IEC 60601-1-8). */
const FIVE: readonly Pulse[] = [
  [0, 523],
  [0.25, 659],
  [0.5, 784],
  [1.0, 784],
  [1.25, 1047],
];
const PATTERNS: Readonly<Record<Tone, readonly Pulse[]>> = {
  red: [...FIVE, ...FIVE.map(([start, frequency]): Pulse => [start + 2, frequency])],
  yellow: [
    [0, 523],
    [0.4, 523],
    [0.8, 523],
  ],
  // A telephone: two notes in turn, unlike any alarm.
  call: [0, 0.4, 0.8, 1.2].flatMap((start): Pulse[] => [
    [start, 880],
    [start + 0.2, 1109],
  ]),
  lost: [
    [0, 659],
    [0.3, 392],
  ],
};

export function play(audio: AudioContext, tone: Tone): void {
  for (const [startS, frequencyHz] of PATTERNS[tone]) {
    pulse(audio, audio.currentTime + startS, frequencyHz);
  }
}

function pulse(audio: AudioContext, at: number, frequencyHz: number): void {
  const oscillator = new OscillatorNode(audio, { type: "triangle", frequency: frequencyHz });
  const gain = new GainNode(audio, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUDNESS, at + EDGE_S);
  gain.gain.setValueAtTime(LOUDNESS, at + PULSE_S - EDGE_S);
  gain.gain.linearRampToValueAtTime(0, at + PULSE_S);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + PULSE_S);
}
