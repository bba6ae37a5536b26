import { bindTheme } from "./page/theme.ts";

bindTheme();
