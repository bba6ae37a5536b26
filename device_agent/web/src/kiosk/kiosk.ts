import { Ringer } from "./ringer.ts";
import type { Effort, PulseWave, Shown } from "./screen.ts";
import { View } from "./view.ts";
import { Voice } from "./voice.ts";

/** The box says something each second; after this silence what stands here may no longer be so. */
const CUT_OFF_MS = 4000;
const RETRY_MS = 1000;

export function start(): void {
  const view = new View();
  const voice = new Voice();
  const ringer = new Ringer();
  keepIn();
  listen(view, voice, ringer);
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const pressed = button?.dataset["event"];
    if (pressed !== undefined) void press(view.serial, pressed);
  });
}

function listen(view: View, voice: Voice, ringer: Ringer): void {
  const source = new EventSource("/events");
  let watchdog = 0;
  const cutOff = (): void => {
    source.close();
    clearTimeout(watchdog);
    document.body.dataset["link"] = "away";
    view.blank();
    voice.say([], "off");
    ringer.ring(false, "off");
    setTimeout(() => listen(view, voice, ringer), RETRY_MS);
  };
  const alive = (): void => {
    clearTimeout(watchdog);
    watchdog = window.setTimeout(cutOff, CUT_OFF_MS);
  };
  source.addEventListener("screen", (event) => {
    alive();
    const shown = JSON.parse(event.data as string) as Shown;
    if (shown.screen.language !== document.documentElement.lang) {
      location.reload(); // what the page itself says, too
      return;
    }
    document.body.dataset["link"] = "there";
    view.show(shown);
    voice.say(shown.clips, shown.screen.loudness);
    ringer.ring(shown.screen.rings, shown.screen.loudness);
  });
  source.addEventListener("wave", (event) => {
    alive();
    view.wave.add(JSON.parse(event.data as string) as PulseWave);
  });
  source.addEventListener("blow", (event) => {
    alive();
    view.blow(JSON.parse(event.data as string) as Effort);
  });
  source.addEventListener("alive", alive);
  source.addEventListener("error", cutOff);
  alive();
}

async function press(serial: number, button: string): Promise<void> {
  const body = JSON.stringify({ serial, button });
  const headers = { "Content-Type": "application/json" };
  try {
    await fetch("/press", { method: "POST", headers, body });
  } catch {
    // The box is away: the page is about to say so.
  }
}

/** No way out of the page: no menu, no key, no drag, no zoom. */
function keepIn(): void {
  for (const kind of ["contextmenu", "keydown", "dragstart", "wheel", "gesturestart"]) {
    document.addEventListener(kind, (event) => event.preventDefault(), { passive: false });
  }
}
