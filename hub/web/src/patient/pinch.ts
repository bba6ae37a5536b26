/** Less than this is a hand that trembles, not a wish. */
const LEAST_CHANGE = 1.15;
const WHEEL_STEP = 1.5;

/**
 * Two fingers that part or close over the charts, or the wheel with Ctrl: `factor` above 1 asks for more detail,
 * `share` says where along the time axis (0 left, 1 right).
 */
export function bindPinch(charts: HTMLElement, onZoom: (factor: number, share: number) => void): void {
  const fingers = new Map<number, PointerEvent>();
  let startPx = 0;
  const apart = (): number => {
    const [a, b] = [...fingers.values()];
    return a && b ? Math.abs(a.clientX - b.clientX) : 0;
  };
  const share = (clientX: number): number => {
    const plot = charts.querySelector(".u-over")?.getBoundingClientRect();
    return plot && plot.width > 0 ? Math.min(Math.max((clientX - plot.left) / plot.width, 0), 1) : 0.5;
  };
  charts.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) startPx = apart();
  });
  charts.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
  });
  const lift = (event: PointerEvent): void => {
    if (fingers.size === 2 && fingers.has(event.pointerId) && startPx > 0) {
      const [a, b] = [...fingers.values()];
      const factor = apart() / startPx;
      if (a && b && (factor > LEAST_CHANGE || factor < 1 / LEAST_CHANGE)) onZoom(factor, share((a.clientX + b.clientX) / 2));
    }
    fingers.delete(event.pointerId);
  };
  charts.addEventListener("pointerup", lift);
  charts.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  charts.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      onZoom(event.deltaY < 0 ? WHEEL_STEP : 1 / WHEEL_STEP, share(event.clientX));
    },
    { passive: false },
  );
}
