import { BuildError } from "../build/build-error.ts";
import { code, type Detail, GrpcError, toGrpcError } from "../buildkit/wire/status.ts";
import { messageOf } from "../errors.ts";

const prefix = "github.com/moby/buildkit/";

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
          data: Buffer.from(file.text).toString("base64"),
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
