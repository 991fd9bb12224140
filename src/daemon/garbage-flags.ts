import { invalid, messageOf } from "../errors.ts";
import { parseDuration } from "../formats/units.ts";
import type { GarbagePolicy } from "../images/garbage-policy.ts";

/** As `flags.ts` has its table. */
export const garbageTable = [
  ["image-gc-high-water", "string", "", "Remove unused images when the disk is that full, in percent"],
  ["image-gc-keep-last", "string", "0", "Always keep this many most recently used images"],
  ["image-gc-low-water", "string", "", "Then until it is that full (default 10 below the high-water mark)"],
  [
    "image-gc-unused-for",
    "string",
    "",
    "Remove only images unused for so long, such as 168h; alone, all of these",
  ],
] as const;

/** Undefined unless one of the keys asks for it. @throws EngineError invalid */
export function readGarbagePolicy(text: (name: string) => string | undefined): GarbagePolicy | undefined {
  const high = readPercent(text, "image-gc-high-water");
  const low = readPercent(text, "image-gc-low-water");
  const unused = text("image-gc-unused-for");
  if (high === undefined && !unused) {
    if (low !== undefined) throw invalid("image-gc-low-water needs image-gc-high-water");
    return undefined;
  }
  if (low !== undefined && low >= (high ?? 0))
    throw invalid("image-gc-low-water must be below image-gc-high-water");
  return {
    ...(high !== undefined && { highWaterPercent: high }),
    lowWaterPercent: low ?? Math.max(0, (high ?? 0) - 10),
    keepLast: readCount(text, "image-gc-keep-last"),
    unusedForSeconds: unused ? readSeconds(unused) : 0,
  };
}

function readPercent(text: (name: string) => string | undefined, name: string): number | undefined {
  const value = text(name);
  if (!value) return undefined;
  const percent = Number(value.replace(/%$/, ""));
  if (!(percent >= 0 && percent <= 100))
    throw invalid(`invalid ${name}: ${value}: must be a percentage between 0 and 100`);
  return percent;
}

function readCount(text: (name: string) => string | undefined, name: string): number {
  const value = text(name) || "0";
  if (!/^\d+$/.test(value)) throw invalid(`invalid ${name}: ${value}`);
  return Number(value);
}

function readSeconds(duration: string): number {
  try {
    return parseDuration(duration) / 1e9;
  } catch (error) {
    throw invalid(`invalid image-gc-unused-for: ${messageOf(error)}`, error);
  }
}
