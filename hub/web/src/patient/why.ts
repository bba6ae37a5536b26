import type { Formats } from "../format/moment.ts";
import { type Texts, text } from "../format/text.ts";
import { within } from "../page/data.ts";

type Values = Readonly<Record<string, number | string | boolean | null>>;

export interface Why {
  readonly rule: string;
  readonly version: string;
  readonly inputs: Values;
  readonly limits: Values;
  readonly baseline: Values;
}

/** Fill in what an alert rests on, when someone asks. */
export function bindWhy(details: HTMLDetailsElement, alert: string, texts: Texts, formats: Formats): void {
  details.addEventListener("toggle", () => {
    if (details.open) void fill(within(details, "dl"), alert, texts, formats);
  });
}

async function fill(list: HTMLElement, alert: string, texts: Texts, formats: Formats): Promise<void> {
  const answer = await fetch(`/api/v1/alerts/${encodeURIComponent(alert)}/why`).catch(() => null);
  if (!answer?.ok) {
    list.textContent = text(texts, "why.failed");
    return;
  }
  const why = (await answer.json()) as Why;
  const values = (named: Values): string =>
    Object.entries(named)
      .filter((entry): entry is [string, number | string | boolean] => entry[1] !== null)
      .map(([name, value]) => `${text(texts, `why.name.${name}`)} ${inWords(value, texts, formats)}`)
      .join(", ");
  list.replaceChildren(
    ...entry(text(texts, "why.rule"), `${text(texts, `why.of.${why.rule}`)} (${why.rule} ${why.version})`),
    ...entry(text(texts, "why.inputs"), values(why.inputs)),
    ...entry(text(texts, "why.limits"), values(why.limits)),
    ...entry(text(texts, "why.baseline"), values(why.baseline)),
  );
}

/** Symptoms and causes come as names with a space between them. */
function inWords(value: number | string | boolean, texts: Texts, formats: Formats): string {
  if (typeof value === "number") return formats.number(value);
  if (typeof value === "boolean") return text(texts, value ? "why.yes" : "why.no");
  const symptom = (name: string): string => texts[`diary.worse.${name}`] ?? texts[`why.of.${name.replaceAll("_", "-")}`] ?? name;
  return value.split(" ").map(symptom).join(", ");
}

function entry(term: string, description: string): readonly HTMLElement[] {
  if (description === "") return [];
  const parts = [document.createElement("dt"), document.createElement("dd")];
  [term, description].forEach((words, index) => parts[index]?.append(words));
  return parts;
}
