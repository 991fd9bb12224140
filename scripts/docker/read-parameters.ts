import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/*
 * Which query parameters a handler of the API reads: the names that it, and what it calls in src/api, writes down as text. It is a
 * reader's trace, not a proof: what a parameter does is for the tests.
 */

interface Declared {
  body: string;
  file: string;
}

const files = new Map<
  string,
  { declared: Map<string, Declared>; imported: Map<string, string>; spaces: Map<string, string> }
>();

for (const path of globSync("src/api/*.ts")) {
  const text = readFileSync(path, "utf8");
  const file = basename(path, ".ts");
  const declared = new Map<string, Declared>();
  const starts = [...text.matchAll(/^(?:export )?(?:async )?(?:function|const|class) (\w+)/gm)];
  for (const [index, start] of starts.entries())
    declared.set(start[1] ?? "", { file, body: text.slice(start.index, starts[index + 1]?.index) });
  const imported = new Map<string, string>();
  const spaces = new Map<string, string>();
  for (const [, names = "", from = ""] of text.matchAll(/^import \{([^}]*)\} from "\.\/([\w-]+)\.ts"/gm))
    for (const name of names.split(",")) imported.set(name.replace("type ", "").trim(), from);
  for (const [, space = "", from = ""] of text.matchAll(/^import \* as (\w+) from "\.\/([\w-]+)\.ts"/gm))
    spaces.set(space, from);
  files.set(file, { declared, imported, spaces });
}

/** @param handler as the table of routes has it: "containers.listing" */
export function readParameters(handler: string): ReadonlySet<string> {
  const [first = "", second] = handler.split(".");
  const routes = files.get("routes");
  const file = second === undefined ? routes?.imported.get(first) : routes?.spaces.get(first);
  const found = new Set<string>();
  const seen = new Set<Declared>();
  const visit = (name: string, from: string) => {
    const room = files.get(from);
    const own = room?.declared.get(name);
    const target = own ?? files.get(room?.imported.get(name) ?? "")?.declared.get(name);
    if (!target || seen.has(target)) return;
    seen.add(target);
    for (const [, text = ""] of target.body.matchAll(/"([A-Za-z][\w-]*)"/g)) found.add(text);
    if (/\bfilters\(/.test(target.body)) found.add("filters");
    for (const [word] of target.body.matchAll(/\b\w+\b/g)) visit(word, target.file);
  };
  if (file !== undefined) visit(second ?? first, file);
  return found;
}
