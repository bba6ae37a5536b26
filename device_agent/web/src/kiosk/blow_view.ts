import { BlowCurve } from "./blow_curve.ts";
import type { Effort } from "./screen.ts";

const LINE_PX = 6;

/** The curve of a blow while it is blown: a hill that flattens when the lungs are empty. */
export class BlowView {
  readonly #canvas: HTMLCanvasElement;
  readonly #curve = new BlowCurve();

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  get visible(): boolean {
    return !this.#canvas.hidden;
  }

  show(visible: boolean): void {
    if (visible === this.visible) return;
    this.#canvas.hidden = !visible;
    if (visible) this.#draw();
    else this.#curve.clear();
  }

  add(effort: Effort): void {
    this.#curve.add(effort);
    if (this.visible) this.#draw();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#canvas.width = width;
    this.#canvas.height = height;
    const pen = this.#canvas.getContext("2d");
    const points = this.#curve.scaled();
    const last = points.at(-1);
    if (pen === null || last === undefined) return;
    const { color, borderBottomColor } = getComputedStyle(this.#canvas);
    const at = (y: number): number => LINE_PX + (1 - y) * (height - 2 * LINE_PX);
    pen.beginPath();
    pen.moveTo(0, at(0));
    for (const { x, y } of points) pen.lineTo(x * width, at(y));
    pen.lineWidth = LINE_PX;
    pen.lineJoin = "round";
    pen.strokeStyle = color;
    pen.stroke();
    pen.lineTo(last.x * width, at(0));
    pen.globalAlpha = 0.25;
    pen.fillStyle = borderBottomColor;
    pen.fill();
  }
}
