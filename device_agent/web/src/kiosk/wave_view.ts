import { scaled, WaveQueue } from "./wave.ts";
import type { PulseWave } from "./screen.ts";

const SHOWN_S = 4;
const LINE_PX = 5;

/** The pulse wave, moving from right to left. */
export class WaveView {
  readonly #canvas: HTMLCanvasElement;
  readonly #queue = new WaveQueue();
  #drawn: number[] = [];
  #lastMs: number | null = null;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  add(wave: PulseWave): void {
    if (!this.#canvas.hidden) this.#queue.add(wave.samples, wave.rate_hz);
  }

  show(visible: boolean): void {
    if (visible === !this.#canvas.hidden) return;
    this.#canvas.hidden = !visible;
    this.#queue.clear();
    this.#drawn = [];
    this.#lastMs = null;
    if (visible) requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(nowMs: number): void {
    if (this.#canvas.hidden) return;
    const due = this.#queue.take((nowMs - (this.#lastMs ?? nowMs)) / 1000);
    this.#lastMs = nowMs;
    if (due.length > 0) {
      const most = Math.round(SHOWN_S * this.#queue.rateHz);
      this.#drawn = [...this.#drawn, ...due].slice(-most);
      this.#draw(most);
    }
    requestAnimationFrame((now) => this.#frame(now));
  }

  #draw(most: number): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#canvas.width = width;
    this.#canvas.height = height;
    const pen = this.#canvas.getContext("2d");
    if (pen === null) return;
    pen.lineWidth = LINE_PX;
    pen.lineJoin = "round";
    pen.strokeStyle = getComputedStyle(this.#canvas).color;
    pen.beginPath();
    scaled(this.#drawn).forEach((share, index) => {
      const x = width - ((this.#drawn.length - 1 - index) * width) / most;
      pen.lineTo(x, LINE_PX + (1 - share) * (height - 2 * LINE_PX));
    });
    pen.stroke();
  }
}
