import { BuildError } from "../build/build-error.ts";
import { code, type Detail, GrpcError, toGrpcError } from "../buildkit/wire/status.ts";
import { messageOf } from "../errors.ts";

const prefix = "github.com/moby/buildkit/";

/** The details are a header, encoded twice; many take none that is longer than 64 KB. */
const largestTextBytes = 24 * 1024;
/** Clients show four. */
const linesAround = 8;

/** Of a large file the lines that clients show, each with its number: the others are empty. */
function excerpt(text: string, ranges: BuildError["ranges"]): string {
  if (Buffer.byteLength(text) <= largestTextBytes) return text;
  const isShown = (number: number) =>
    ranges.some(({ start, end }) => number >= start.line - linesAround && number <= end.line + linesAround);
  const lines = text.split("\n").map((line, index) => (isShown(index + 1) ? line : ""));
  const shown = Buffer.from(lines.join("\n").trimEnd());
  return shown.subarray(0, largestTextBytes).toString();
}

/** A build's error as BuildKit's clients understand it, with the place in the Dockerfile. */
export function describeFailure(error: unknown): GrpcError {
  if (!(error instanceof BuildError)) return toGrpcError(error);
  const { file, ranges, vertex, exitCode } = error;
  const details: Detail[] = [];
  if (file && ranges.length > 0) {
    details.push({
      type: `${prefix}errdefs.Source+json`,
      value: {
        info: {
          filename: file.name,
          data: Buffer.from(excerpt(file.text, ranges)).toString("base64"),
          language: "Dockerfile",
        },
        ranges: ranges.map(({ start, end }) => ({ start: { line: start.line }, end: { line: end.line } })),
      },
    });
  }
  if (vertex !== undefined) details.push({ type: `${prefix}errdefs.Vertex+json`, value: { digest: vertex } });
  if (exitCode !== undefined)
    details.push({ type: `${prefix}gatewayapi.ExitMessage+json`, value: { Code: exitCode } });
  return new GrpcError(code.unknown, messageOf(error), details, error);
}
