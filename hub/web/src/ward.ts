import { pageData } from "./page/data.ts";
import { bindTheme } from "./page/theme.ts";
import { Ward } from "./ward/ward.ts";

bindTheme();
new Ward(pageData()).start();
