import { element } from "../page/data.ts";
import type { RowElement } from "./row_element.ts";

/** What the keys do. */
export interface KeyHandlers {
  readonly rows: () => readonly RowElement[];
  readonly focused: () => RowElement | undefined;
  readonly acknowledge: (row: RowElement) => void;
  readonly search: () => void;
  readonly arrange: () => void;
}

const STORED = "koffert.keys";

/** The keys of the ward view; letters can be turned off for people whose tools type by themselves. */
export class Keyboard {
  readonly #handlers: KeyHandlers;
  readonly #help = element("help") as HTMLDialogElement;
  readonly #letters = element("letters") as HTMLInputElement;

  constructor(handlers: KeyHandlers) {
    this.#handlers = handlers;
    this.#letters.checked = window.localStorage.getItem(STORED) !== "off";
    this.#letters.addEventListener("change", () => {
      window.localStorage.setItem(STORED, this.#letters.checked ? "on" : "off");
    });
    element("open-help").addEventListener("click", () => this.#help.showModal());
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  #pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || this.#help.open) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    const action = this.#action(event.key);
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #action(key: string): (() => void) | undefined {
    const row = this.#handlers.focused();
    if (key === "ArrowDown") return () => this.#step(1);
    if (key === "ArrowUp") return () => this.#step(-1);
    if (key === "Escape" && row) return () => (document.activeElement as HTMLElement).blur();
    if (key === "Enter" && row && document.activeElement === row.root) return () => row.link.click();
    return this.#letters.checked ? this.#letter(key.toLowerCase(), row) : undefined;
  }

  #letter(key: string, row: RowElement | undefined): (() => void) | undefined {
    if (key === "k" && row) return () => this.#handlers.acknowledge(row);
    if (key === "r" && row) return () => row.answer.click();
    if (key === "o") return () => this.#handlers.arrange();
    if (key === "/") return () => this.#handlers.search();
    if (key === "?") return () => this.#help.showModal();
    return undefined;
  }

  #step(by: 1 | -1): void {
    const rows = this.#handlers.rows();
    const focused = this.#handlers.focused();
    const at = focused ? rows.indexOf(focused) + by : by === 1 ? 0 : rows.length - 1;
    const row = rows[Math.min(Math.max(at, 0), rows.length - 1)];
    row?.root.focus();
    row?.root.scrollIntoView({ block: "nearest" });
  }
}
