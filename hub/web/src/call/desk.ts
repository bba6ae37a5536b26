import { text } from "../format/text.ts";
import { element, setText } from "../page/data.ts";
import type { CallPageData } from "./page.ts";
import type { GuestKind } from "./messages.ts";
import type { Stage } from "./stage.ts";

const JPEG_QUALITY = 0.9;

export interface Desk {
  readonly showInvitation: (kind: string, token: string) => void;
  readonly clear: () => void;
}

/** What the nurse does beside talking: ask for a measurement, invite, write a note, keep a picture. */
export function bindDesk(stage: Stage, data: CallPageData): Desk {
  const told = element("told");
  const tell = (key: string): void => setText(told, text(data.texts, `call.told.${key}`));
  const picture = new StillPicture(stage, data, tell);
  element("measure").addEventListener("click", () => {
    stage.session?.measure();
    tell("measure");
  });
  bindInvite(stage);
  bindNote(data, tell);
  bindIdentity(data, tell);
  return {
    showInvitation: (kind, token) => showInvitation(kind, token, tell),
    clear: () => {
      element("invitation").hidden = true;
      picture.discard();
      setText(told, "");
    },
  };
}

function bindInvite(stage: Stage): void {
  const kind = element("guest-kind") as HTMLSelectElement;
  element("invite").addEventListener("click", () => {
    const label = kind.selectedOptions[0]?.textContent?.trim() ?? kind.value;
    stage.session?.invite(kind.value as GuestKind, label);
  });
  element("copy-link").addEventListener("click", () => {
    const link = element("guest-link") as HTMLInputElement;
    link.select();
    void navigator.clipboard?.writeText(link.value);
  });
}

function showInvitation(kind: string, token: string, tell: (key: string) => void): void {
  (element("guest-link") as HTMLInputElement).value = `${location.origin}/visit#${token}`;
  (element("guest-kind") as HTMLSelectElement).value = kind;
  element("invitation").hidden = false;
  tell("invited");
}

function bindNote(data: CallPageData, tell: (key: string) => void): void {
  const form = element("note-form") as HTMLFormElement;
  sendHere(form, data, (sent) => {
    if (sent) form.reset();
    tell(sent ? "noted" : "failed");
  });
}

/** Name and numbers are read out during the first visit: who confirms them must not leave the call. */
function bindIdentity(data: CallPageData, tell: (key: string) => void): void {
  const form = document.querySelector<HTMLFormElement>(".identity form");
  if (form === null) return;
  sendHere(form, data, (sent) => {
    if (sent) {
      form.closest(".mark")?.remove();
      const now = element("now");
      now.dataset["marks"] = (now.dataset["marks"] ?? "").replace("unconfirmed", "");
    }
    tell(sent ? "confirmed" : "failed");
  });
}

/** Send a form without leaving the page, which would end the call. */
function sendHere(form: HTMLFormElement, data: CallPageData, done: (sent: boolean) => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
    void fetch(form.action, { method: "POST", headers: { "X-Koffert-CSRF": data.csrf }, body }).then(
      (answer) => done(answer.ok),
      () => done(false),
    );
  });
}

/** A picture is taken at once and kept only when somebody says that the patient agreed. */
class StillPicture {
  readonly #stage: Stage;
  readonly #data: CallPageData;
  readonly #tell: (key: string) => void;
  readonly #canvas = element("still") as HTMLCanvasElement;
  readonly #consent = element("consent") as HTMLInputElement;
  readonly #keep = element("keep-still") as HTMLButtonElement;

  constructor(stage: Stage, data: CallPageData, tell: (key: string) => void) {
    this.#stage = stage;
    this.#data = data;
    this.#tell = tell;
    element("take-still").addEventListener("click", () => this.#take());
    element("discard-still").addEventListener("click", () => this.discard());
    this.#consent.addEventListener("change", () => (this.#keep.disabled = !this.#consent.checked));
    this.#keep.addEventListener("click", () => void this.#save());
  }

  discard(): void {
    element("still-box").hidden = true;
    this.#canvas.width = this.#canvas.height = 0;
  }

  #take(): void {
    const { videoWidth, videoHeight } = this.#stage.picture;
    if (videoWidth === 0) {
      this.#tell("no_picture");
      return;
    }
    this.#canvas.width = videoWidth;
    this.#canvas.height = videoHeight;
    this.#canvas.getContext("2d")?.drawImage(this.#stage.picture, 0, 0);
    this.#consent.checked = false;
    this.#keep.disabled = true;
    element("still-box").hidden = false;
  }

  async #save(): Promise<void> {
    const jpeg = await new Promise<Blob | null>((resolve) => {
      this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY);
    });
    if (jpeg === null || !this.#consent.checked) return;
    try {
      const answer = await fetch(`/api/v1/patients/${encodeURIComponent(this.#data.patient)}/stills?consent=yes`, {
        method: "POST",
        headers: { "X-Koffert-CSRF": this.#data.csrf, "Content-Type": "image/jpeg" },
        body: jpeg,
      });
      this.#tell(answer.ok ? "kept" : "failed");
      if (answer.ok) this.discard();
    } catch {
      this.#tell("failed");
    }
  }
}
