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
      const given = buildArgs.get(name);
      const byDefault =
        value === undefined
          ? undefined
          : expandWord(value, (one) => globals.get(one), { escape: escapeCharacter });
      const known = given ?? byDefault;
      if (known !== undefined) globals.set(name, known);
    }
  }
  return globals;
}
