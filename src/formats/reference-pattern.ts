import { compileGlob } from "./glob.ts";

/**
 * Compiles the patterns of a `reference` filter. The test is whether a familiar name ("busybox:latest", "busybox@sha256:…") fits one of
 * them, with its tag and digest or without.
 * @throws EngineError invalid for a malformed pattern
 */
export function compileReferencePatterns(patterns: readonly string[]): (name: string) => boolean {
  const tests = patterns.map(compileGlob);
  return (name) => {
    const repository = name.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
    return tests.some((test) => test(name) || test(repository));
  };
}
