import type { Range } from "../dockerfile/instructions.ts";
import { DockerfileError } from "../dockerfile/parse-error.ts";
import { EngineError, messageOf } from "../errors.ts";
import type { SourceFile } from "./progress.ts";

/** Why a build failed, and where in the Dockerfile. */
export class BuildError extends EngineError {
  readonly file: SourceFile | undefined;
  readonly ranges: readonly Range[];
  /** Of the piece of work that failed. */
  readonly vertex: string | undefined;
  /** Of a command that ended with another than 0. */
  readonly exitCode: number | undefined;

  constructor(
    message: string,
    about: {
      file?: SourceFile | undefined;
      ranges?: readonly Range[];
      vertex?: string;
      exitCode?: number;
      cause?: unknown;
    },
  ) {
    super(about.cause instanceof EngineError ? about.cause.kind : "invalid", message, about.cause);
    this.name = "BuildError";
    this.file = about.file;
    this.ranges = about.ranges ?? [];
    this.vertex = about.vertex;
    this.exitCode = about.exitCode;
  }
}

/** The error with the place in the Dockerfile that it comes from, where it has none yet. */
export function locateError(
  error: unknown,
  file: SourceFile | undefined,
  range: Range | undefined,
): BuildError {
  if (error instanceof BuildError && error.ranges.length > 0) return error;
  const own = error instanceof DockerfileError ? error.range : undefined;
  const known = own ?? range;
  return new BuildError(messageOf(error), {
    file,
    ranges: known ? [known] : [],
    ...(error instanceof BuildError && error.vertex !== undefined && { vertex: error.vertex }),
    ...(error instanceof BuildError && error.exitCode !== undefined && { exitCode: error.exitCode }),
    cause: error,
  });
}
