/**
 * The one stream of this browser, shared by its tabs.
 *
 * Over HTTP/1.1 a browser opens six connections to a host: without this the seventh tab would not load.
 */
import { HubShare } from "./live/hub_share.ts";
import { LIVE_URL, LiveStream } from "./live/stream.ts";

interface Shared {
  readonly share: HubShare;
  readonly stream: LiveStream;
}

function fresh(): Shared {
  const share = new HubShare();
  return { share, stream: new LiveStream(LIVE_URL, (message) => share.hear(message)) };
}

let shared = fresh();

function take(port: MessagePort): void {
  if (shared.share.idle) shared.stream.open();
  shared.share.join(port);
}

/** When nobody listens any more, nothing is kept: what it said would be old when the next page comes. */
function release(port: MessagePort): void {
  shared.share.leave(port);
  if (!shared.share.idle) return;
  shared.stream.close();
  shared = fresh();
}

// The DOM's types know a page's global, not a worker's.
globalThis.addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port === undefined) return;
  port.addEventListener("message", () => release(port));
  port.start();
  take(port);
});
