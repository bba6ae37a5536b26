/** A screen as the box sends it; koffert_agent.kiosk.screen composes it, this page only shows it. */
export interface Screen {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly string[];
  readonly number: string | null;
  readonly unit: string;
  readonly wave: boolean;
  readonly blow: boolean;
  readonly progress: number | null;
  readonly buttons: readonly ButtonText[];
  readonly note: string;
  readonly call: string | null;
  readonly volume: string | null;
  readonly loudness: Loudness;
  readonly rings: boolean;
  readonly hang_up: string | null;
  readonly watched: string;
  readonly camera: boolean;
  readonly caption: string;
  readonly nurse: boolean;
  readonly dark: boolean;
  readonly language: string;
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

/** The blow as far as it has come; koffert_agent.kiosk.blowing follows it. */
export interface Effort {
  readonly phase: "waiting" | "blowing" | "may-stop" | "breathed-in";
  readonly elapsed_s: number;
  readonly volume_l: number;
  readonly share: number;
}
