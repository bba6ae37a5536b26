import { CallPage, type CallPageData } from "./call/page.ts";
import { pageData } from "./page/data.ts";
import { bindTheme } from "./page/theme.ts";

bindTheme();
new CallPage(pageData() as CallPageData).start();
