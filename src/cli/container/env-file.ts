import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { hasCode } from "../../errors.ts";

/**
 * The lines of --env-file and --label-file: `NAME=value` as it stands, quotes and all; blank lines and comments left out.
 * A bare NAME takes its value from `env`, and is left out when it has none there.
 */
export function readPairFiles(
  files: readonly string[],
  env: Record<string, string | undefined> | undefined,
): string[] {
  return files.flatMap((file) => parsePairs(readPairFile(file), file, env));
}

function readPairFile(file: string): string {
  try {
    return decode(readFileSync(file), file);
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new Error(`open ${file}: no such file or directory`);
    if (hasCode(error, "EISDIR")) throw new Error(`invalid env file (${file}): read ${file}: is a directory`);
    throw error;
  }
}

/** @throws Error in Docker's words for a line that is not UTF-8 */
function decode(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString();
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const end = bytes.indexOf(0x0a, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (!isUtf8(line))
      throw new Error(
        `invalid env file (${file}): invalid utf8 bytes at line ${number}: [${[...line].join(" ")}]`,
      );
    start += line.length + 1;
  }
  return bytes.toString();
}

export function parsePairs(
  text: string,
  file: string,
  env: Record<string, string | undefined> | undefined,
): string[] {
  const pairs: string[] = [];
  for (const raw of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    const line = raw.replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    const name = at === -1 ? line : line.slice(0, at);
    if (name === "") throw new Error(`invalid env file (${file}): no variable name on line '${line}'`);
    if (/[ \t]/.test(name))
      throw new Error(`invalid env file (${file}): variable '${name}' contains whitespaces`);
    if (at !== -1 || env === undefined) pairs.push(line);
    else if (env[name] !== undefined) pairs.push(`${name}=${env[name]}`);
  }
  return pairs;
}

/** `["a=b", "c"]` → `{ a: "b", c: "" }`. */
export function toPairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** The two sides of the first separator; the second is empty when there is none. */
export function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
