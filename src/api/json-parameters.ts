import { invalid, messageOf } from "../errors.ts";

/* Parameters of a request that hold JSON. */

/** Texts by name; null where a name has none. @throws EngineError invalid */
export function decodeJsonMap(name: string, text: string): Map<string, string | null> {
  const value = decodeJson(name, text);
  if (value === undefined || value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw invalid(`invalid ${name}: not a JSON object`);
  const entries = Object.entries(value);
  for (const [key, one] of entries)
    if (typeof one !== "string" && one !== null) throw invalid(`invalid ${name}: ${key} is not a text`);
  return new Map(entries);
}

/** Objects. @throws EngineError invalid */
export function decodeJsonList(name: string, text: string): object[] {
  const value = decodeJson(name, text);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`invalid ${name}: not a JSON list`);
  if (!value.every((one) => typeof one === "object" && one !== null))
    throw invalid(`invalid ${name}: not a list of objects`);
  return value;
}

/** Texts. @throws EngineError invalid */
export function decodeJsonTexts(name: string, text: string): string[] {
  const value = decodeJson(name, text);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string"))
    throw invalid(`invalid ${name}: not a list of texts`);
  return value;
}

function decodeJson(name: string, text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid ${name}: ${messageOf(error)}`, error);
  }
}
