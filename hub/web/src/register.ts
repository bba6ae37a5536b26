import { pageData } from "./page/data.ts";
import { bindTheme } from "./page/theme.ts";
import { bindExport } from "./register/export.ts";
import { type RegisterData, RegisterPage } from "./register/page.ts";

bindTheme();
const data = pageData() as RegisterData;
bindExport(data.texts);
if (data.follow) new RegisterPage(data).start();
