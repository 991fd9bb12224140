import { createKept } from "./kept.ts";
import { language } from "./languages/language.ts";

type Theme = "auto" | "light" | "dark";

export const theme = createKept<Theme>("theme", "auto");

/** The styles read it from the root element. */
export function applyChoices(): void {
  const apply = () => {
    document.documentElement.dataset.theme = theme.get();
    document.documentElement.lang = language.get();
  };
  apply();
  theme.subscribe(apply);
  language.subscribe(apply);
}
