import type { Texts } from "../format/text.ts";

/** What the server put into the page for its script. */
export interface PageData {
  readonly locale: string;
  readonly texts: Texts;
  /** The address of the worker that holds the stream. */
  readonly worker: string;
  /** Must come back with every request that changes something. */
  readonly csrf: string;
  /** A shared screen: whoever wants to do something says first who it is. */
  readonly station: boolean;
}

export function pageData(): PageData {
  return JSON.parse(element("page-data").textContent ?? "") as PageData;
}

/** The element with this id; the template and the script belong together, so a missing one is our fault. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id} in the page`);
  return found;
}

export function within(parent: ParentNode, selector: string): HTMLElement {
  const found = parent.querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`no ${selector} in the page`);
  return found;
}

/** Set a text only where it changes, so that the browser lays out nothing in vain. */
export function setText(target: HTMLElement, value: string): void {
  if (target.textContent !== value) target.textContent = value;
}

export function setState(target: HTMLElement, value: string): void {
  if (target.dataset["state"] !== value) target.dataset["state"] = value;
}
