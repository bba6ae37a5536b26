import { Caliper } from "./clinic/caliper.ts";

const sheet = document.getElementById("ecg");
if (sheet instanceof SVGSVGElement) new Caliper(sheet).start();
