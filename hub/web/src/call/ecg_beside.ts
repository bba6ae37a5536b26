import { element } from "../page/data.ts";

/** How soon a still that the patient's box sends during the visit is seen. */
const LOOK_MS = 10_000;

/** The patient's newest ECG beside the picture, drawn by the hub as on its own page, only smaller. */
export class EcgBeside {
  readonly #address: string;
  readonly #box = element("ecg-beside");
  #known = "";

  constructor(patient: string) {
    this.#address = `/patients/${encodeURIComponent(patient)}/call/ecg`;
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
    const sheet = page.querySelector("section");
    if (sheet === null) return;
    this.#known = sheet.dataset["document"] ?? "";
    this.#box.replaceChildren(document.adoptNode(sheet));
    this.#box.hidden = false;
  }
}
