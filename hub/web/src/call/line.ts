import type { FromHub, ToHub } from "./messages.ts";

/** A page that says nothing for 3.5 s is as good as gone to the hub. */
const ALIVE_MS = 1000;
const AGAIN_MS = 1000;
/** A call that nobody could go back to after so long has ended at the hub too. */
const GIVE_UP_MS = 30_000;
/** Close codes of the hub after which trying again makes no sense. */
const FINAL_CODES = new Set([4400, 4401, 4403, 4404, 4410, 4429]);

export interface LineListener {
  readonly onMessage: (message: FromHub) => void;
  /** The way to the hub broke; it is being tried again. */
  readonly onBroken: () => void;
  /** It is over: the hub's close code, or null when it did not come back in time. */
  readonly onGone: (code: number | null) => void;
}

/** Where a page comes in. */
export interface Door {
  readonly path: string;
  /** What to say first, before anything is heard. */
  readonly hello: ToHub | null;
}

export function staffDoor(patient: string): Door {
  return { path: `/api/v1/patients/${encodeURIComponent(patient)}/call`, hello: null };
}

export function guestDoor(token: string): Door {
  return { path: "/api/v1/visit", hello: { type: "guest", token } };
}

/** The WebSocket of one call: opened by a click, opened again by itself after a break, under the same call. */
export class Line {
  #door: Door;
  readonly #listener: LineListener;
  #socket: WebSocket | null = null;
  #call: string | null = null;
  #brokenAtMs: number | null = null;
  #closed = false;
  readonly #beat: number;

  constructor(door: Door, listener: LineListener) {
    this.#door = door;
    this.#listener = listener;
    this.#beat = window.setInterval(() => this.send({ type: "alive" }), ALIVE_MS);
    this.#open();
  }

  send(message: ToHub): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close(): void {
    this.#closed = true;
    window.clearInterval(this.#beat);
    this.#socket?.close();
  }

  #open(): void {
    const resume = this.#call === null ? "" : `?call=${this.#call}`;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const { path, hello } = this.#door;
    const socket = new WebSocket(`${scheme}://${location.host}${path}${resume}`);
    this.#socket = socket;
    socket.onopen = () => {
      if (hello !== null) socket.send(JSON.stringify(hello));
    };
    socket.onmessage = (event) => this.#take(JSON.parse(String(event.data)) as FromHub);
    socket.onclose = (event) => this.#lost(event.code);
  }

  #take(message: FromHub): void {
    if (message.type === "joined") {
      this.#call = message.call;
      if (message.back !== "") this.#door = guestDoor(message.back);
      this.#brokenAtMs = null;
    }
    if (message.type === "ended") this.close();
    this.#listener.onMessage(message);
  }

  #lost(code: number): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.#brokenAtMs ??= nowMs;
    const late = nowMs - this.#brokenAtMs > GIVE_UP_MS;
    if (FINAL_CODES.has(code) || this.#call === null || late) {
      this.close();
      this.#listener.onGone(FINAL_CODES.has(code) ? code : null);
      return;
    }
    this.#listener.onBroken();
    window.setTimeout(() => {
      if (!this.#closed) this.#open();
    }, AGAIN_MS);
  }
}
