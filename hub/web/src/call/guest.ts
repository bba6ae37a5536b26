import { type PageData, element } from "../page/data.ts";
import { guestDoor } from "./line.ts";
import { Stage } from "./stage.ts";

/** The page that an invitation opens: picture and sound, who is there, and no readings. */
export function startGuest(data: Pick<PageData, "texts">): void {
  const token = location.hash.slice(1);
  // Out of the address bar and the history: the link is good once, and a screen is soon photographed.
  history.replaceState(null, "", location.pathname + location.search);
  const stage = new Stage(data.texts, {
    onState: () => undefined,
    onInvited: () => undefined,
    onOver: () => (element("ring").hidden = true),
  });
  element("ring").addEventListener("click", () => void stage.open(guestDoor(token)));
  element("hang-up").addEventListener("click", () => stage.session?.depart());
}
