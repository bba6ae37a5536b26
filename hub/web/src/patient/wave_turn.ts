/** A browser gives one host six connections over HTTP/1.1: the waves of all its pages leave room for the rest. */
const WAVES_AT_ONCE = 3;

/** Call `open` as soon as fewer than that many pages of this browser have a wave; the turn ends with `signal`. */
export async function inTurn(signal: AbortSignal, open: () => void): Promise<void> {
  // Only pages that came over TLS, or from this machine, have locks.
  if (!window.isSecureContext) {
    open();
    return;
  }
  const hold = async (lock: Lock | null): Promise<boolean> => {
    if (signal.aborted) return true;
    if (lock === null) return false;
    open();
    await new Promise((ended) => signal.addEventListener("abort", ended));
    return true;
  };
  for (let place = 0; place < WAVES_AT_ONCE; place += 1) {
    if (await navigator.locks.request(`koffert-wave-${place}`, { ifAvailable: true }, hold)) return;
  }
  // All are taken: wait for the first; leaving meanwhile is no fault.
  await navigator.locks.request("koffert-wave-0", { signal }, hold).catch(() => false);
}
