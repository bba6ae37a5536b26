import { start } from "./kiosk/kiosk.ts";

start();
