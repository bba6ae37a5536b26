import { type Texts, text } from "../format/text.ts";
import type { WardAlert } from "../model/alert.ts";
import { SoundPolicy } from "../model/sound.ts";
import { element, setState, setText, within } from "../page/data.ts";
import { play } from "./tones.ts";

const WANTED = "koffert.sound";
const HEARD = "koffert.heard";
/** Held by the one tab of this browser that sounds. */
const LOCK = "koffert-sound";

/** Whether a person wants sound, and whether the browser lets us make any. */
type SoundState = "off" | "blocked" | "on";

/** The alarm sound and the button that always says whether it would be heard. */
export class AlarmSound {
  readonly #texts: Texts;
  readonly #button = element("sound");
  readonly #policy = new SoundPolicy(JSON.parse(window.sessionStorage.getItem(HEARD) ?? "[]") as string[]);
  #audio: AudioContext | null = null;
  #release: (() => void) | null = null;

  constructor(texts: Texts) {
    this.#texts = texts;
    if (window.localStorage.getItem(WANTED) === "on") this.#wake();
    this.#button.addEventListener("click", () => void this.#toggle());
    // After a reload any touch of the page is leave enough to sound again.
    for (const event of ["pointerdown", "keydown"]) {
      document.addEventListener(event, () => void this.#audio?.resume());
    }
    this.#showState();
  }

  take(alerts: readonly WardAlert[]): void {
    this.#policy.take(alerts);
  }

  /** Sound what is due; called at each tick, also in a hidden tab, because heartbeats tick too. */
  tick(connected: boolean): void {
    const tone = this.#policy.due(performance.now(), connected);
    if (tone === null) return;
    window.sessionStorage.setItem(HEARD, JSON.stringify(this.#policy.heard));
    if (this.#audio && this.#release && this.#state === "on") play(this.#audio, tone);
  }

  get #state(): SoundState {
    if (this.#audio === null) return "off";
    return this.#audio.state === "running" ? "on" : "blocked";
  }

  async #toggle(): Promise<void> {
    if (this.#state === "on") await this.#sleep();
    else await this.#rouse();
  }

  async #rouse(): Promise<void> {
    this.#wake();
    await this.#audio?.resume();
    // The person hears at once what a new alert sounds like here, and how loud.
    if (this.#audio && this.#state === "on") play(this.#audio, "yellow");
  }

  #wake(): void {
    window.localStorage.setItem(WANTED, "on");
    if (this.#audio !== null) return;
    this.#audio = new AudioContext();
    this.#audio.addEventListener("statechange", () => this.#showState());
    void navigator.locks.request(LOCK, () => this.#holdLock());
    this.#showState();
  }

  /** Settles when sound is turned off: then another tab may sound. */
  async #holdLock(): Promise<void> {
    if (this.#audio === null) return;
    await new Promise<void>((resolve) => (this.#release = resolve));
  }

  async #sleep(): Promise<void> {
    window.localStorage.setItem(WANTED, "off");
    const audio = this.#audio;
    this.#audio = null;
    this.#release?.();
    this.#release = null;
    await audio?.close();
    this.#showState();
  }

  #showState(): void {
    const state = this.#state;
    setState(this.#button, state);
    this.#button.setAttribute("aria-pressed", String(state === "on"));
    setText(within(this.#button, ".word"), text(this.#texts, `sound.${state}`));
  }
}
