/** What the hub says over the call's WebSocket. */
export type FromHub =
  | { readonly type: "joined"; readonly call: string; readonly watcher: number; readonly ice: readonly RTCIceServer[]; readonly back: string }
  | { readonly type: "servers"; readonly ice: readonly RTCIceServer[] }
  | { readonly type: "invited"; readonly kind: string; readonly token: string }
  | CallStateMessage
  | { readonly type: "answer"; readonly round: number; readonly sdp: string; readonly relayed: boolean }
  | { readonly type: "ended"; readonly outcome: string };

export interface CallStateMessage {
  readonly type: "state";
  readonly phase: "ringing" | "talking" | "box-away";
  readonly watchers: readonly string[];
  readonly picture: boolean;
  /** Width, height and pictures a second that the box's link bears now. */
  readonly sending: readonly [number, number, number] | null;
}

/** What the page says. */
export type ToHub =
  | { readonly type: "offer"; readonly round: number; readonly sdp: string; readonly relay_only: boolean }
  | { readonly type: "caption"; readonly text: string }
  | { readonly type: "measure" }
  | { readonly type: "invite"; readonly kind: string; readonly name: string }
  | { readonly type: "guest"; readonly token: string }
  | { readonly type: "hang-up" }
  | { readonly type: "leave" }
  | { readonly type: "alive" };
