import { EngineError, invalid } from "../errors.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { parsePlatform } from "../formats/platform.ts";
import { parseReference } from "../formats/reference.ts";
import { type GlobalScope, openGlobalScope } from "./global-scope.ts";
import type { Dockerfile, Stage } from "./instructions.ts";
import type { LateWord, Report } from "./lint-report.ts";
import { findNearest } from "./suggest.ts";
import { collectUnset, type Expansion, expand } from "./words.ts";

/** Of images that would not be found without the build's arguments. */
export function lintDefaults(
  dockerfile: Dockerfile,
  predefined: ReadonlyMap<string, string>,
  report: Report,
): void {
  // What cannot be expanded is the build's error, and no warning.
  ignoreInvalid(() => {
    const { values } = openGlobalScope(dockerfile, new Map(), predefined);
    for (const { from } of dockerfile.stages) {
      const { text } = expand(from.image, (name) => values.get(name), { escape: dockerfile.escape });
      if (!isReference(text)) report("InvalidDefaultArgInFrom", from.range, from.image);
    }
  });
}

const longestReference = 4096;

function isReference(text: string): boolean {
  return text.length <= longestReference && ignoreInvalid(() => parseReference(text)) !== undefined;
}

/** @returns undefined when the work throws an EngineError */
export function ignoreInvalid<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** What FROM says, its variables known. */
export interface FromWords {
  image: string;
  platform?: Platform;
}

/** @throws EngineError invalid for words that cannot be expanded, and for those that are empty: the build ends there */
export function lintFrom(
  stage: Stage,
  scope: GlobalScope,
  escaper: Dockerfile["escape"],
  report: Report,
): FromWords {
  const { from, name = "" } = stage;
  const read = (word: string) => {
    const unset = new Set<string>();
    try {
      return expand(
        word,
        collectUnset((one) => scope.values.get(one), unset),
        { escape: escaper },
      );
    } finally {
      lintUndeclared(unset, scope, (one, nearest) => report("UndefinedArgInFrom", from.range, one, nearest));
    }
  };
  const { text: image } = read(from.image);
  if (image === "") throw invalid(`base name (${from.image}) should not be blank`);
  if (from.platform === undefined) return { image };
  const platform = read(from.platform);
  if (isTarget(platform, scope)) report("RedundantTargetPlatform", from.range, from.platform);
  if (isConstant(platform, name)) report("FromPlatformFlagConstDisallowed", from.range, platform.text);
  if (platform.text === "") throw invalid(`empty platform value from expression ${from.platform}`);
  return { image, platform: parsePlatform(platform.text) };
}

function lintUndeclared(
  unset: ReadonlySet<string>,
  { declared, values }: GlobalScope,
  report: (name: string, nearest: LateWord) => void,
): void {
  for (const name of unset) {
    if (declared.has(name) || values.has(name)) continue;
    report(name, (most) => findNearest(name, namesIn(declared, values), most) ?? "");
  }
}

function* namesIn(...maps: ReadonlyMap<string, unknown>[]): Generator<string> {
  for (const map of maps) yield* map.keys();
}

function isTarget({ text, used, unset }: Expansion, { values }: GlobalScope): boolean {
  return (
    used.size === 1 && unset.size === 0 && used.has("TARGETPLATFORM") && text === values.get("TARGETPLATFORM")
  );
}

/** A name of the stage that has the platform in it is a good reason. */
function isConstant({ text, used, unset }: Expansion, stageName: string): boolean {
  if (used.size > 0 || unset.size > 0) return false;
  const platform = ignoreInvalid(() => parsePlatform(text));
  return (
    platform !== undefined && !stageName.includes(platform.os) && !stageName.includes(platform.architecture)
  );
}
