import { BuildError } from "../build/build-error.ts";
import { messageOf } from "../errors.ts";

/** What Docker's classic builder says of a failure, where it has words of its own. */
export function describeInClassicWords(error: unknown): string {
  const message = messageOf(error);
  const [, absent] = /^failed to read dockerfile: open (.*): no such file or directory$/s.exec(message) ?? [];
  if (absent !== undefined) return `Cannot locate specified Dockerfile: ${absent}`;
  const [, missing] = /failed to calculate checksum of ref \S+: "\/(.*)": not found$/s.exec(message) ?? [];
  if (missing === undefined || !(error instanceof BuildError)) return message;
  const words = instructionOf(error).split(/[\s"',[\]]+/);
  const keyword = (words[0] ?? "").toUpperCase();
  if (!["COPY", "ADD"].includes(keyword) || words.some((word) => word.startsWith("--from="))) return message;
  const outside = words.find((word) => /^\/?(?:\.\.\/)+/.test(word) && word.endsWith(missing));
  if (outside !== undefined)
    return `${keyword} failed: forbidden path outside the build context: ${outside} ()`;
  return `${keyword} failed: file not found in build context or excluded by .dockerignore: stat ${missing}: file does not exist`;
}

function instructionOf({ file, ranges: [range] }: BuildError): string {
  if (!file || !range) return "";
  const lines = file.text.split("\n").slice(range.start.line - 1, range.end.line);
  return lines.join("\n").trim();
}
