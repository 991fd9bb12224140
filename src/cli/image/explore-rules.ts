import { parse } from "yaml";
import type { ImageAnalysis } from "../../formats/docker-api/docker-api-layers.ts";
import { isObject } from "../../formats/json.ts";
import { formatSize } from "../../formats/units.ts";

/** How well packed an image must be; undefined for a rule that is off. */
export interface PackingRules {
  /** Part of the stored bytes that the image shows, 0 to 1. */
  lowestEfficiency: number | undefined;
  highestWastedBytes: number | undefined;
  /** Wasted bytes as a part of what lies above the base layer, 0 to 1. */
  highestUserWastedPercent: number | undefined;
}

export interface PackingVerdict {
  rule: keyof PackingRules;
  isKept: boolean;
  /** What was found, and what was asked for. */
  text: string;
}

/** What the program `dive` asks for where its file says nothing. */
const usual: PackingRules = {
  lowestEfficiency: 0.9,
  highestWastedBytes: undefined,
  highestUserWastedPercent: 0.1,
};

/**
 * Reads a file like `.dive-ci`: YAML with `rules:`, each a number, a size such as 20MB, or "disabled".
 * @throws Error that names the rule
 */
export function parsePackingRules(text: string): PackingRules {
  const document: unknown = parse(text, { maxAliasCount: 0 });
  const rules = isObject(document) ? (document.rules ?? {}) : {};
  if (!isObject(rules)) throw new Error("rules must be a list of names with values");
  const unknown = Object.keys(rules).find((name) => !Object.hasOwn(usual, name));
  if (unknown !== undefined)
    throw new Error(`unknown rule ${JSON.stringify(unknown)} (there are ${Object.keys(usual).join(", ")})`);
  return applyRules(usual, rules);
}

/** @param values by name, as a person writes them; empty ones change nothing. @throws Error that names the rule */
export function applyRules(rules: PackingRules, values: Readonly<Record<string, unknown>>): PackingRules {
  const changed = { ...rules };
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null || value === undefined) continue;
    const rule = name as keyof PackingRules;
    changed[rule] = value === "disabled" ? undefined : readValue(rule, value);
  }
  return changed;
}

export const usualRules = (): PackingRules => ({ ...usual });

function readValue(rule: keyof PackingRules, value: unknown): number {
  const read = rule === "highestWastedBytes" ? readSize(String(value)) : Number(value);
  const most = rule === "highestWastedBytes" ? Number.MAX_SAFE_INTEGER : 1;
  if (typeof value === "boolean" || !(read >= 0 && read <= most))
    throw new Error(
      `invalid value ${JSON.stringify(value)} for ${rule}: ${most === 1 ? "a number from 0 to 1" : "a size"} or "disabled" is needed`,
    );
  return read;
}

/** As dive reads it: MB is a million bytes, MiB is 1024 times 1024. NaN for what is no size. */
function readSize(text: string): number {
  const [, number, unit = "", isBinary] = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i)?)?b?$/i.exec(text.trim()) ?? [];
  const power = unit === "" ? 0 : "kmgt".indexOf(unit.toLowerCase()) + 1;
  return Math.trunc(Number(number) * (isBinary ? 1024 : 1000) ** power);
}

/** One for each rule that is on. */
export function judgePacking(analysis: ImageAnalysis, rules: PackingRules): PackingVerdict[] {
  const { Efficiency, WastedBytes, UserWastedPercent } = analysis;
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
  const judge = (
    rule: keyof PackingRules,
    compare: (limit: number) => boolean,
    describe: (limit: number) => string,
  ): PackingVerdict[] => {
    const limit = rules[rule];
    return limit === undefined ? [] : [{ rule, isKept: compare(limit), text: describe(limit) }];
  };
  return [
    ...judge(
      "lowestEfficiency",
      (limit) => Efficiency >= limit,
      (limit) => `${percent(Efficiency)} of the stored bytes are shown, and ${percent(limit)} must be`,
    ),
    ...judge(
      "highestWastedBytes",
      (limit) => WastedBytes <= limit,
      (limit) => `${formatSize(WastedBytes)} are wasted, and ${formatSize(limit)} may be`,
    ),
    ...judge(
      "highestUserWastedPercent",
      (limit) => UserWastedPercent <= limit,
      (limit) =>
        `${percent(UserWastedPercent)} of what lies above the base is wasted, and ${percent(limit)} may be`,
    ),
  ];
}
