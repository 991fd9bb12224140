import { createKept } from "../kept.ts";
import { useStore } from "../store.ts";
import { en } from "./en.ts";
import type { Words } from "./words.ts";
import { zh } from "./zh.ts";

export type { Words };

export const languages = { en: "English", zh: "中文" } as const;
type Language = keyof typeof languages;

const tables: Record<Language, Words> = { en, zh };

export const language = createKept<Language>("language", navigator.language.startsWith("zh") ? "zh" : "en");

export function useWords(): Words {
  return tables[useStore(language)] ?? en;
}

/** Outside of views. */
export const words = (): Words => tables[language.get()] ?? en;
