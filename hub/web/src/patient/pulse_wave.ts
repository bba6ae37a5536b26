import { type Texts, text } from "../format/text.ts";
import { BEHIND_MS, type Run, WINDOW_MS, type WaveBlock, WaveBuffer } from "../model/wave.ts";
import { element, setState, setText, within } from "../page/data.ts";
import { inTurn } from "./wave_turn.ts";

const PAD_PX = 6;
/** A flat line is drawn flat: fewer steps than this are no pulse. */
const LEAST_RANGE = 8;

/** The pulse wave of one patient on a canvas of its own; the hub is asked for it only while the page is seen. */
export class PulseWave {
  readonly #address: string;
  readonly #texts: Texts;
  readonly #nowMs: () => number | null;
  readonly #root = element("wave");
  readonly #canvas = within(this.#root, "canvas") as HTMLCanvasElement;
  readonly #buffer = new WaveBuffer();
  #source: EventSource | null = null;
  #watching: AbortController | null = null;
  #frame = 0;
  #connected = false;

  constructor(patient: string, texts: Texts, nowMs: () => number | null) {
    this.#address = `/api/v1/patients/${encodeURIComponent(patient)}/waves`;
    [this.#texts, this.#nowMs] = [texts, nowMs];
  }

  start(): void {
    document.addEventListener("visibilitychange", () => this.#follow());
    window.addEventListener("pagehide", () => this.#close());
    this.#follow();
  }

  /** Called with the page's look at time and link: what is not from now is grey, and said to be old. */
  tick(nowMs: number | null, connected: boolean): void {
    this.#connected = connected;
    const known = this.#buffer.newestMs > 0;
    const live = connected && nowMs !== null && !this.#buffer.isStale(nowMs);
    setState(this.#root, live ? "live" : known ? "stale" : "none");
    setText(within(this.#root, ".said"), live ? "" : text(this.#texts, known ? "wave.stale" : "wave.none"));
    if (live && this.#frame === 0) this.#animate();
  }

  #follow(): void {
    if (document.hidden) {
      this.#close();
      return;
    }
    if (this.#watching) return;
    this.#watching = new AbortController();
    void inTurn(this.#watching.signal, () => this.#open());
  }

  #open(): void {
    this.#source = new EventSource(this.#address);
    this.#source.addEventListener("wave", (event: MessageEvent<string>) => {
      this.#buffer.add(JSON.parse(event.data) as WaveBlock);
      this.tick(this.#nowMs(), this.#connected);
    });
  }

  #close(): void {
    this.#watching?.abort();
    this.#watching = null;
    this.#source?.close();
    this.#source = null;
  }

  #animate(): void {
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const nowMs = this.#nowMs();
      if (nowMs !== null) this.#draw(nowMs - BEHIND_MS);
      // An old wave stands still: it must not look as if the heart went on.
      if (this.#root.dataset["state"] === "live") this.#animate();
      else this.#draw(this.#buffer.newestMs);
    });
  }

  #draw(untilMs: number): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = window.devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d");
    const range = this.#buffer.range;
    if (!context || !range) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.strokeStyle = getComputedStyle(this.#canvas).color;
    context.lineWidth = 2;
    context.lineJoin = "round";
    const middle = (range[0] + range[1]) / 2;
    const half = Math.max(range[1] - range[0], LEAST_RANGE) / 2;
    const y = (sample: number): number => height / 2 - ((sample - middle) / half) * (height / 2 - PAD_PX);
    const x = (ms: number): number => width - ((untilMs - ms) / WINDOW_MS) * width;
    for (const run of this.#buffer.until(untilMs)) drawRun(context, run, x, y);
  }
}

function drawRun(context: CanvasRenderingContext2D, run: Run, x: (ms: number) => number, y: (sample: number) => number): void {
  context.beginPath();
  run.samples.forEach((sample, index) => context.lineTo(x(run.startMs + index * run.stepMs), y(sample)));
  context.stroke();
}
