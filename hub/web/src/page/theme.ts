import { element } from "./data.ts";

const YEAR_S = 365 * 24 * 3600;

/** The button that turns the page dark for the night and back; the server draws the next page the same way. */
export function bindTheme(): void {
  const button = element("theme");
  const show = (): void => button.setAttribute("aria-pressed", String(isNight()));
  button.addEventListener("click", () => {
    const theme = isNight() ? "day" : "night";
    document.documentElement.dataset["theme"] = theme;
    document.cookie = `koffert_theme=${theme}; path=/; max-age=${YEAR_S}; samesite=lax`;
    show();
    document.dispatchEvent(new Event("koffert-theme"));
  });
  show();
}

function isNight(): boolean {
  return document.documentElement.dataset["theme"] === "night";
}
