import type { Dockerfile } from "../../dockerfile/instructions.ts";
import { expandWord } from "../../dockerfile/words.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import type { BuildOptions } from "../options.ts";
import { platformArgs } from "./platform-args.ts";

/** ARGs before the first FROM, and what is known of platforms. */
export function readGlobals(
  { globalArgs, stages, escape: escapeCharacter }: Dockerfile,
  { buildArgs, target }: BuildOptions,
  platform: Platform,
): Map<string, string> {
  const globals = platformArgs(platform, target ?? stages.at(-1)?.name);
  for (const [name, value] of buildArgs) if (globals.has(name)) globals.set(name, value);
  for (const { args } of globalArgs) {
    for (const { name, value } of args) {
      const expand = (word: string) =>
        expandWord(word, (one) => globals.get(one), { escape: escapeCharacter });
      // A default that is not wanted may well be one that fails.
      const known = buildArgs.get(name) ?? (value === undefined ? undefined : expand(value));
      if (known !== undefined) globals.set(name, known);
    }
  }
  return globals;
}
