import { text } from "../format/text.ts";
import type { WardAlert } from "../model/alert.ts";
import { type PageData, element, setText } from "./data.ts";
import { identify, leave } from "./identify.ts";
import { leaveIfLoggedOut, post } from "./session.ts";

/** Take an alert; the page shows who has it when the hub says so, and a notice when that is someone else. */
export async function acknowledge(alert: WardAlert, data: PageData): Promise<void> {
  if (data.station && !(await identify(data))) return;
  const address = `/api/v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`;
  const answer = await post(address, data.csrf);
  if (data.station) await leave(data);
  if (answer?.status === 401) await leaveIfLoggedOut();
  const notice = element("notice");
  const message = await outcome(answer, data);
  notice.hidden = message === "";
  setText(notice, message);
}

async function outcome(answer: Response | null, { texts }: PageData): Promise<string> {
  if (answer?.ok) return "";
  if (answer?.status === 409) {
    const taken = (await answer.json()) as WardAlert;
    return text(texts, "alert.taken_first", { name: taken.acknowledged_by ?? "" });
  }
  return text(texts, answer?.status === 404 ? "alert.gone" : "alert.not_acknowledged");
}
