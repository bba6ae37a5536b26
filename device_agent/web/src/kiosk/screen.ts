/** A screen as the box sends it; koffert_agent.kiosk.screen composes it, this page only shows it. */
export interface Screen {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly string[];
  readonly number: string | null;
  readonly unit: string;
  readonly wave: boolean;
  readonly progress: number | null;
  readonly buttons: readonly ButtonText[];
  readonly note: string;
  readonly call: string | null;
  readonly volume: string | null;
  readonly loudness: Loudness;
}

export interface ButtonText {
  readonly event: string;
  readonly text: string;
}

export type Loudness = "low" | "high" | "off";

export interface Shown {
  readonly serial: number;
  readonly screen: Screen;
  readonly clips: readonly string[];
}

export interface PulseWave {
  readonly rate_hz: number;
  readonly samples: readonly number[];
}
