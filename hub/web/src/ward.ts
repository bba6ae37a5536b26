import { pageData } from "./page/data.ts";
import { Ward } from "./ward/ward.ts";

new Ward(pageData()).start();
