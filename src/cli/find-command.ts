import type { Entry } from "./entry.ts";
import { commands } from "./table.ts";

/** The command that a line begins with; `path` is as it was typed, `name` is the table's. */
export function findCommand(
  words: readonly string[],
): { name: string; path: string; entry: Entry; rest: string[] } | undefined {
  for (const length of [3, 2, 1]) {
    const path = words.slice(0, length).join(" ");
    const direct = Object.hasOwn(commands, path) ? commands[path] : undefined;
    const [name, entry] =
      direct !== undefined
        ? [path, direct]
        : (Object.entries(commands).find(([, candidate]) => candidate.aliases?.includes(path)) ?? []);
    if (name !== undefined && entry !== undefined) return { name, path, entry, rest: words.slice(length) };
  }
  return undefined;
}
