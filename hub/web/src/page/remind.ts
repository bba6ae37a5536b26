import { text } from "../format/text.ts";
import { type PageData, element, setText } from "./data.ts";
import { identify, leave } from "./identify.ts";
import { leaveIfLoggedOut, post } from "./session.ts";

/** Put a reminder on the patient's screen; the notice says whether it is on its way. */
export async function remind(patient: string, name: string, data: PageData): Promise<void> {
  if (data.station && !(await identify(data))) return;
  const answer = await post(`/api/v1/patients/${encodeURIComponent(patient)}/reminder`, data.csrf);
  if (data.station) await leave(data);
  if (answer?.status === 401) await leaveIfLoggedOut();
  const notice = element("notice");
  notice.hidden = false;
  setText(notice, text(data.texts, answer?.ok ? "remind.sent" : "remind.failed", { name }));
}
