import { element, setText, within } from "../page/data.ts";
import { type Point, type Scale, measured } from "../model/caliper.ts";

/** An arrow key moves the far end by one small square, with shift by a fifth of one. */
const STEP_MM = 1;
const FINE_MM = 0.2;
const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
/** Where a keyboard begins: in the middle of the first row. */
const HOME: Point = { x: 60, y: 60 };

/** Two ends that a person drags over the sheet, or moves with the arrow keys; Enter brings the near end to the far one. */
export class Caliper {
  readonly #sheet: SVGSVGElement;
  readonly #marks = element("caliper-marks");
  readonly #readout = element("caliper");
  readonly #scale: Scale;
  #from: Point | null = null;
  #to: Point = HOME;

  constructor(sheet: SVGSVGElement) {
    this.#sheet = sheet;
    this.#scale = { mmPerS: Number(sheet.dataset["speed"]), mmPerMv: Number(sheet.dataset["gain"]) };
  }

  start(): void {
    this.#sheet.addEventListener("pointerdown", (event) => {
      this.#sheet.setPointerCapture(event.pointerId);
      this.#from = this.#to = this.#place(event);
      this.#show();
    });
    this.#sheet.addEventListener("pointermove", (event) => {
      if (!this.#sheet.hasPointerCapture(event.pointerId)) return;
      this.#to = this.#place(event);
      this.#show();
    });
    this.#sheet.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = event.shiftKey ? FINE_MM : STEP_MM;
      this.#from ??= this.#to;
      this.#to = { x: this.#to.x + arrow.x * step, y: this.#to.y + arrow.y * step };
    } else if (event.key === "Enter") {
      this.#from = this.#to;
    } else if (event.key === "Escape") {
      this.#from = null;
    } else return;
    event.preventDefault();
    this.#show();
  }

  #place(event: PointerEvent): Point {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.#sheet.getScreenCTM()?.inverse());
    return { x, y };
  }

  #show(): void {
    this.#marks.toggleAttribute("hidden", this.#from === null);
    if (this.#from === null) {
      setText(this.#readout, this.#readout.dataset["idle"] ?? "");
      return;
    }
    const [from, to] = [this.#from, this.#to];
    within(this.#marks, ".ends").setAttribute("d", `M${from.x} 44V194M${to.x} 44V194`);
    within(this.#marks, ".span").setAttribute("d", `M${from.x} ${from.y}H${to.x}V${to.y}`);
    setText(this.#readout, measured(from, to, this.#scale, document.documentElement.lang));
  }
}
