import { type Texts, text } from "../format/text.ts";
import { type PageData, element, setText } from "./data.ts";

/** Ask at a shared screen who acts; true once the hub knows, false when the person thought better of it. */
export async function identify(data: PageData): Promise<boolean> {
  const dialog = element("identify") as HTMLDialogElement;
  const form = dialog.querySelector("form");
  if (form === null) throw new Error("no form in #identify");
  form.reset();
  say("", data.texts);
  return new Promise((resolve) => {
    const asked = new AbortController();
    const { signal } = asked;
    const done = (known: boolean): void => {
      asked.abort();
      form.reset();
      dialog.close();
      resolve(known);
    };
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void tell(form, data).then((problem) => {
          if (problem === "") done(true);
          else say(problem, data.texts);
          form.reset();
        });
      },
      { signal },
    );
    element("identify-cancel").addEventListener("click", () => done(false), { signal });
    dialog.addEventListener("cancel", () => done(false), { signal });
    dialog.showModal();
  });
}

/** Nobody acts any more: the next who does something is asked again. */
export async function leave(data: PageData): Promise<void> {
  const headers = { "X-Koffert-CSRF": data.csrf };
  await fetch("/station/leave", { method: "POST", headers, redirect: "manual" }).catch(() => null);
}

async function tell(form: HTMLFormElement, data: PageData): Promise<string> {
  const answer = await fetch("/api/v1/identify", {
    method: "POST",
    headers: { "X-Koffert-CSRF": data.csrf },
    body: new FormData(form),
  }).catch(() => null);
  if (answer?.ok) return "";
  return answer?.status === 429 ? "throttled" : answer?.status === 401 ? "wrong" : "unreached";
}

function say(problem: string, texts: Texts): void {
  const line = element("identify-problem");
  line.hidden = problem === "";
  setText(line, problem === "" ? "" : text(texts, `identify.${problem}`));
}
