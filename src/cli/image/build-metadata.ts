import { writeFileSync } from "node:fs";
import type { BuildResult } from "../../client/build/build.ts";
import { isObject } from "../../formats/json.ts";

/** What is known of a build, as buildx writes it: JSON that the engine gives in base64 is written as it is. */
export function writeMetadata(file: string, { ref, exported }: BuildResult): void {
  const named = [...exported].map(([key, value]) => [key, decodeObject(value) ?? value] as const);
  const all = [...named, ["buildx.build.ref", `default/default/${ref}`] as const];
  const sorted = all.sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(file, JSON.stringify(Object.fromEntries(sorted), undefined, 2));
}

function decodeObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64").toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
