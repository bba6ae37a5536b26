import { type Texts, text } from "../format/text.ts";
import { element, setText } from "../page/data.ts";

const NEWLINE = 10;

/** Downloads say how far they are; without a script they are plain links. */
export function bindExport(texts: Texts): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a.download")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      void download(link, texts).catch(() => setText(element("exported"), text(texts, "log.export_failed")));
    });
  }
}

async function download(link: HTMLAnchorElement, texts: Texts): Promise<void> {
  const answer = await fetch(link.href);
  const all = Number(answer.headers.get("X-Koffert-Records"));
  if (!answer.ok || answer.body === null) throw new Error(`HTTP ${answer.status}`);
  const progress = element("progress") as HTMLProgressElement;
  progress.hidden = false;
  const parts = await read(answer.body, (lines) => {
    // The first line is the header; signatures follow the records.
    const done = Math.min(Math.max(lines - 1, 0), all);
    progress.value = all > 0 ? done / all : 1;
    setText(element("exported"), text(texts, "log.exporting", { done, all }));
  });
  progress.hidden = true;
  setText(element("exported"), text(texts, "log.exported", { all }));
  save(new Blob(parts), fileName(answer));
}

async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>, onLines: (lines: number) => void): Promise<Blob[]> {
  const parts: Blob[] = [];
  const reader = body.getReader();
  let lines = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    // A blob may lie on the disk; an array of bytes may not.
    parts.push(new Blob([step.value]));
    for (const byte of step.value) if (byte === NEWLINE) lines += 1;
    onLines(lines);
  }
  return parts;
}

function fileName(answer: Response): string {
  return /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "log";
}

function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
