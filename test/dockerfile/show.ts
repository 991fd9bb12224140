import type { Range } from "../../src/dockerfile/instructions.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { DockerfileError } from "../../src/dockerfile/parse-error.ts";

/** What a Dockerfile parses to, without the places and the texts that every instruction has. */
export function showDockerfile(text: string): unknown[] {
  const { globalArgs, stages } = parseDockerfile(text);
  return [...globalArgs, ...stages.flatMap((stage) => [stage.from, ...stage.instructions])].map(
    ({ keyword: _keyword, source: _source, range: _range, comment: _comment, ...rest }) => rest,
  );
}

/** The message, with the lines to blame in front: `2-4: …`. */
export function showError(text: string): string {
  try {
    parseDockerfile(text);
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return `${showRange(error.range)}: ${error.message}`;
  }
  return "no error";
}

export function showRange(range: Range | undefined): string {
  if (!range) return "-";
  return range.start.line === range.end.line
    ? `${range.start.line}`
    : `${range.start.line}-${range.end.line}`;
}
