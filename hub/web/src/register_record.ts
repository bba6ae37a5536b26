import { element } from "./page/data.ts";
import { bindTheme } from "./page/theme.ts";

bindTheme();
const command = document.getElementById("command");
if (command !== null && window.isSecureContext) {
  const copy = element("copy");
  copy.hidden = false;
  copy.addEventListener("click", () => {
    void navigator.clipboard.writeText(command.textContent ?? "").then(() => (element("copied").hidden = false));
  });
}
