import { type Texts, text } from "../format/text.ts";

/** One record of the register, as the hub sends it; absent fields do not apply. */
export interface LogRecord {
  readonly sequence: number;
  readonly at_ms: number;
  readonly event: string;
  readonly direction: string;
  readonly result: string;
  readonly device?: string;
  readonly content?: string;
  readonly bytes?: number;
  readonly payload_hash?: string;
}

/** The first characters of a hash that a table shows. */
const HASH_SHOWN = 12;

/** The cells of a record's row, in the table's order. */
export function cells(record: LogRecord, texts: Texts, moment: (ms: number) => string): readonly string[] {
  const event = text(texts, `log.event.${record.event}`);
  const content = record.content === undefined ? "" : named(texts, record.content);
  return [
    String(record.sequence),
    moment(record.at_ms),
    record.device ?? "",
    text(texts, `log.direction.${record.direction}`),
    content === "" ? event : `${event}: ${content}`,
    record.bytes === undefined ? "" : String(record.bytes),
    text(texts, `log.result.${record.result}`),
    (record.payload_hash ?? "").slice(0, HASH_SHOWN),
  ];
}

/** A newer box may send what this page has no word for: then its own name is shown. */
function named(texts: Texts, content: string): string {
  return texts[`log.content.${content}`] ?? content;
}
