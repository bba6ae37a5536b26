import type { WardAlert } from "../model/alert.ts";

const ANSWERS = "koffert.answers";

/** What a click on «answer with video» carries to the page of the call, in this tab alone: an address could be sent by anybody. */
interface Answered {
  readonly patient: string;
  readonly alert: string;
}

/** The next page of this tab answers this call. */
export function toAnswer({ id, patient }: WardAlert): void {
  const answered: Answered = { patient, alert: id };
  window.sessionStorage.setItem(ANSWERS, JSON.stringify(answered));
}

/** The alert that this page was opened to answer, once; a reload rings nobody. */
export function answers(patient: string): string | null {
  const kept = window.sessionStorage.getItem(ANSWERS);
  window.sessionStorage.removeItem(ANSWERS);
  if (kept === null) return null;
  const answered = JSON.parse(kept) as Answered;
  return answered.patient === patient ? answered.alert : null;
}
