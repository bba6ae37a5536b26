import { type Texts, text } from "../format/text.ts";
import { type Filter, SHOWS, parseFilter, withFilter } from "../model/filter.ts";
import { element, setText } from "../page/data.ts";

/** Search and choice of rows; what is chosen stands in the address bar. */
export class FilterBar {
  readonly #search = element("search") as HTMLInputElement;
  readonly #show = element("show") as HTMLSelectElement;
  readonly #texts: Texts;
  readonly #onChange: () => void;
  filter: Filter;

  constructor(texts: Texts, onChange: () => void) {
    this.#texts = texts;
    this.#onChange = onChange;
    this.filter = parseFilter(window.location.search);
    this.#search.value = this.filter.query;
    this.#show.value = this.filter.show;
    this.#search.addEventListener("input", () => this.#changed());
    this.#show.addEventListener("change", () => this.#changed());
    window.addEventListener("popstate", () => this.#read());
  }

  focus(): void {
    this.#search.focus();
    this.#search.select();
  }

  clear(): void {
    this.#search.value = "";
    this.#show.value = "all";
    this.#search.blur();
    this.#changed();
  }

  /** Say how much is out of sight; an alert that a filter hides must not be forgotten. */
  summarise(shown: number, all: number, hiddenAlerts: number): void {
    const summary = element("filtered");
    const some = shown < all;
    if (summary.hidden === some) summary.hidden = !some;
    if (!some) return;
    const hidden = hiddenAlerts === 0 ? "" : ` · ${text(this.#texts, "filter.hidden_alerts", { n: hiddenAlerts })}`;
    setText(summary, text(this.#texts, "filter.shown", { shown, all }) + hidden);
    summary.dataset["alerts"] = String(hiddenAlerts > 0);
  }

  #changed(): void {
    const show = SHOWS.find((known) => known === this.#show.value) ?? "all";
    this.filter = { query: this.#search.value, show };
    const query = withFilter(window.location.search, this.filter);
    window.history.replaceState(null, "", window.location.pathname + query);
    this.#onChange();
  }

  #read(): void {
    this.filter = parseFilter(window.location.search);
    this.#search.value = this.filter.query;
    this.#show.value = this.filter.show;
    this.#onChange();
  }
}
