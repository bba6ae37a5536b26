import { BlowView } from "./blow_view.ts";
import { element, setText, show, within } from "./dom.ts";
import type { ButtonText, Effort, Screen, Shown } from "./screen.ts";
import { WaveView } from "./wave_view.ts";

/** As long as the box takes no answer: a second press of a trembling hand must meet no button. */
const UNSETTLED_MS = 450;

/** Puts a screen into the page. */
export class View {
  readonly #wave = new WaveView(element("wave") as HTMLCanvasElement);
  readonly #blow = new BlowView(element("blow") as HTMLCanvasElement);
  #serial = -1;

  get serial(): number {
    return this.#serial;
  }

  get wave(): WaveView {
    return this.#wave;
  }

  blow(effort: Effort): void {
    this.#blow.add(effort);
    if (this.#blow.visible) this.#progress(effort.share);
  }

  show({ serial, screen }: Shown): void {
    const fresh = serial !== this.#serial;
    this.#serial = serial;
    element("screen").dataset["name"] = screen.name;
    document.body.dataset["light"] = screen.dark ? "night" : "day";
    this.#number(screen);
    setText(element("title"), screen.title);
    show(element("title"), screen.title !== "");
    this.#lines(screen.lines);
    this.#blow.show(screen.blow);
    element("progress").dataset["kind"] = screen.blow ? "blow" : "time";
    if (!screen.blow) this.#progress(screen.progress);
    this.#wave.show(screen.wave);
    this.#visit(screen);
    this.#optional("note", screen.note);
    show(element("call"), screen.call !== null);
    setText(within(element("call"), "span"), screen.call ?? "");
    this.#optional("volume", screen.volume ?? "");
    element("volume").dataset["loudness"] = screen.loudness;
    if (fresh) this.#buttons(screen.buttons);
  }

  /** Nothing of the box may stand here as if it were so now. */
  blank(): void {
    this.#serial = -1;
    const away = element("away") as HTMLTemplateElement;
    const [title, ...lines] = [...away.content.children].map((line) => line.textContent ?? "");
    this.show({
      serial: -1,
      clips: [],
      screen: {
        name: "starting",
        title: title ?? "",
        lines,
        number: null,
        unit: "",
        wave: false,
        blow: false,
        progress: null,
        buttons: [],
        note: "",
        call: null,
        volume: null,
        loudness: "off",
        rings: false,
        hang_up: null,
        watched: "",
        camera: false,
        caption: "",
        nurse: false,
        dark: false,
        language: document.documentElement.lang,
      },
    });
    element("buttons").replaceChildren();
  }

  /** What belongs to a call: who is there, what she looks like, what she wrote, and the way out. */
  #visit(screen: Screen): void {
    show(element("watched"), screen.watched !== "");
    setText(element("who"), screen.watched);
    show(element("light"), screen.camera);
    this.#optional("caption", screen.caption);
    this.#optional("hang-up", screen.hang_up ?? "");
    const nurse = element("nurse") as HTMLImageElement;
    if (screen.nurse === !nurse.hidden) return;
    show(nurse, screen.nurse);
    // A picture without an address holds no connection.
    if (screen.nurse) nurse.src = "/nurse";
    else nurse.removeAttribute("src");
  }

  #number(screen: Screen): void {
    show(element("number"), screen.number !== null);
    setText(element("value"), screen.number ?? "");
    setText(element("unit"), screen.unit);
  }

  #lines(lines: readonly string[]): void {
    const place = element("lines");
    const paragraphs = lines.map((line, index) => {
      const paragraph = (place.children[index] as HTMLElement | undefined) ?? document.createElement("p");
      setText(paragraph, line);
      return paragraph;
    });
    if (paragraphs.length !== place.children.length) place.replaceChildren(...paragraphs);
  }

  #progress(share: number | null): void {
    show(element("progress"), share !== null);
    // A transform, not a width: the policy of this page allows no style attribute from outside, a property it does.
    element("done").style.transform = `scaleX(${share ?? 0})`;
  }

  #optional(id: string, text: string): void {
    setText(element(id), text);
    show(element(id), text !== "");
  }

  #buttons(buttons: readonly ButtonText[]): void {
    const made = buttons.map(({ event, text }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset["event"] = event;
      button.textContent = text;
      button.disabled = true;
      setTimeout(() => (button.disabled = false), UNSETTLED_MS);
      return button;
    });
    element("buttons").replaceChildren(...made);
  }
}
