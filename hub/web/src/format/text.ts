/** The texts of the page in the reader's language, as the server put them into it. */
export type Texts = Readonly<Record<string, string>>;

export type Parameters = Readonly<Record<string, string | number>>;

/** The text named `key` with `{name}` replaced; a missing text is a fault of ours and is shown as its key. */
export function text(texts: Texts, key: string, parameters: Parameters = {}): string {
  const template = texts[key] ?? key;
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
}

/** As `text`, for a counted thing: `key.one` or `key.other`. */
export function counted(texts: Texts, key: string, count: number): string {
  return text(texts, `${key}.${count === 1 ? "one" : "other"}`, { count });
}
