import { EngineError } from "../errors.ts";
import type { Range } from "./instructions.ts";

/** What is wrong with a Dockerfile, and where. */
export class DockerfileError extends EngineError {
  /** Undefined when no line is to blame. */
  readonly range: Range | undefined;

  constructor(message: string, range: Range | undefined) {
    super("invalid", message);
    this.name = "DockerfileError";
    this.range = range;
  }
}

/** @param start counted from 1 */
export function linesRange(start: number, end: number): Range {
  return { start: { line: start, character: 0 }, end: { line: Math.max(start, end), character: 0 } };
}
