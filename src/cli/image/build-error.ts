import type { GrpcError } from "../../buildkit/wire/status.ts";
import { formatExcerpt } from "../../dockerfile/excerpt.ts";
import type { Range } from "../../dockerfile/instructions.ts";

interface Source {
  info?: { filename?: string; data?: string };
  ranges?: { start?: { line?: number }; end?: { line?: number } }[];
}

/** A build's error, with the lines of the Dockerfile that it is about. @param file as the user knows it */
export function describeBuildError(error: GrpcError, file: string): string {
  const excerpts = error.details.flatMap(({ type, value }) => {
    if (!type.endsWith("errdefs.Source+json")) return [];
    const { info, ranges } = value as Source;
    const lines = Buffer.from(info?.data ?? "", "base64")
      .toString()
      .split("\n");
    return formatExcerpt(file, lines, (ranges ?? []).map(readRange)) ?? [];
  });
  return [...excerpts, `ERROR: failed to build: failed to solve: ${error.message}`].join("");
}

function readRange({ start, end }: NonNullable<Source["ranges"]>[number]): Range {
  return {
    start: { line: start?.line ?? 0, character: 0 },
    end: { line: end?.line ?? start?.line ?? 0, character: 0 },
  };
}
