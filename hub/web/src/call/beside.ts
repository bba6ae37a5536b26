import { element } from "../page/data.ts";

/** How soon what the patient's box sends during the visit is seen. */
const LOOK_MS = 10_000;

/** The patient's newest blow or ECG beside the picture, drawn by the hub as on its own page, only smaller. */
export class Beside {
  readonly #address: string;
  readonly #box: HTMLElement;
  #known = "";

  constructor(what: "blow" | "ecg", patient: string) {
    this.#address = `/patients/${encodeURIComponent(patient)}/call/${what}`;
    this.#box = element(`${what}-beside`);
  }

  start(): void {
    void this.#look();
    window.setInterval(() => {
      if (!document.hidden) void this.#look();
    }, LOOK_MS);
  }

  async #look(): Promise<void> {
    const answer = await fetch(`${this.#address}?known=${this.#known}`, { redirect: "error" }).catch(() => null);
    if (answer?.status !== 200) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.querySelector("section");
    if (part === null) return;
    this.#known = part.dataset["version"] ?? "";
    this.#box.replaceChildren(document.adoptNode(part));
    this.#box.hidden = false;
  }
}
