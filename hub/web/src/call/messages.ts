/** Who may be let into a visit by a link. */
export type GuestKind = "interpreter" | "next-of-kin" | "general-practitioner" | "home-nurse" | "specialist" | "amk";

/** How a call ended. */
export type CallOutcome =
  | "hung-up"
  | "declined"
  | "no-answer"
  | "box-lost"
  | "hub-lost"
  | "nobody-left"
  | "replaced"
  | "unknown";

/** A relay, and how to log in there. */
export interface Ice {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

/** What the hub says over the call's WebSocket. */
export type FromHub =
  | { readonly type: "joined"; readonly call: string; readonly watcher: number; readonly ice: readonly Ice[]; readonly back: string }
  | { readonly type: "servers"; readonly ice: readonly Ice[] }
  | { readonly type: "invited"; readonly kind: GuestKind; readonly token: string }
  | CallStateMessage
  | { readonly type: "answer"; readonly round: number; readonly sdp: string; readonly relayed: boolean }
  | { readonly type: "ended"; readonly outcome: CallOutcome };

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
  | { readonly type: "invite"; readonly kind: GuestKind; readonly name: string }
  | { readonly type: "guest"; readonly token: string }
  | { readonly type: "hang-up" }
  | { readonly type: "leave" }
  | { readonly type: "alive" };
