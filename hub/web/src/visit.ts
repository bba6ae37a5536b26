import { startGuest } from "./call/guest.ts";
import { pageData } from "./page/data.ts";

startGuest(pageData());
