import { invalid } from "../errors.ts";
import { compileDeepGlob, type DeepGlob, endsOf } from "./deep-glob.ts";

/*
 * .dockerignore, and COPY --exclude: patterns for paths to leave out, of which those behind `!` put some in again. The last one
 * that fits counts. A pattern that fits a directory fits all that is in it.
 */

export interface IgnorePatterns {
  /** @param path relative, with slashes, and clean */
  isIgnored(path: string): boolean;
  /** An ignored directory may have something in it that is not. */
  mayHoldException(directory: string): boolean;
}

/** The patterns of a file: without comments and blank lines, relative, and clean. */
export function parseIgnoreFile(text: string): string[] {
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => (line.startsWith("!") ? `!${relative(line.slice(1).trim())}` : relative(line)));
}

function relative(path: string): string {
  const cleaned = path === "" ? "" : clean(path);
  return cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned;
}

/** As Go's path.Clean. */
function clean(path: string): string {
  const isRooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isRooted) parts.push(part);
  }
  return `${isRooted ? "/" : ""}${parts.join("/")}` || ".";
}

interface Pattern {
  isException: boolean;
  glob: DeepGlob;
}

/** @throws EngineError invalid when a pattern is malformed */
export function compileIgnorePatterns(patterns: readonly string[]): IgnorePatterns {
  const compiled = patterns
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== "")
    .map(compile);
  return {
    isIgnored: (path) => path !== "." && judge(compiled, path).isIgnored,
    mayHoldException(directory) {
      const { fits } = judge(compiled, directory);
      return compiled.some(
        ({ isException, glob }, index) => isException && (fits[index] || glob.mayFitBelow(directory)),
      );
    },
  };
}

function compile(pattern: string): Pattern {
  const cleaned = clean(pattern);
  if (cleaned === "!") throw invalid('illegal exclusion pattern: "!"');
  const isException = cleaned.startsWith("!");
  return { isException, glob: compileDeepGlob(isException ? cleaned.slice(1) : cleaned) };
}

/**
 * As a walk comes to the path, from directory to directory: a pattern that fits one fits what is in it. One whose answer would
 * change nothing about a directory is not asked, and so does not fit it, as in BuildKit.
 */
function judge(patterns: readonly Pattern[], path: string): { isIgnored: boolean; fits: boolean[] } {
  const found: (ReadonlySet<number> | undefined)[] = [];
  const fits: boolean[] = patterns.map(() => false);
  let isIgnored = false;
  for (const end of endsOf(path)) {
    isIgnored = false;
    for (const [index, { isException, glob }] of patterns.entries()) {
      if (!fits[index] && isException === isIgnored) {
        found[index] ??= glob.findFits(path);
        fits[index] = found[index].has(end);
      }
      if (fits[index]) isIgnored = !isException;
    }
  }
  return { isIgnored, fits };
}
