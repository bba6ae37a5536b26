import { pageData } from "./page/data.ts";
import { bindTheme } from "./page/theme.ts";
import { type PatientData, PatientPage } from "./patient/patient.ts";

bindTheme();
new PatientPage(pageData() as PatientData).start();
