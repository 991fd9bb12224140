/** What went wrong, from the caller's point of view. `api/errors.ts` maps each kind to one HTTP status. */
export type ErrorKind =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "notFound"
  | "conflict"
  | "unavailable"
  | "notImplemented"
  | "internal";

/**
 * An error meant for the user: `message` is one sentence in Docker's wording where Docker has one.
 * Anything else that is thrown is a bug and is answered with status 500 and a logged stack.
 */
export class EngineError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "EngineError";
    this.kind = kind;
  }
}

export const invalid = (message: string, cause?: unknown) => new EngineError("invalid", message, cause);
export const notFound = (message: string, cause?: unknown) => new EngineError("notFound", message, cause);
export const conflict = (message: string, cause?: unknown) => new EngineError("conflict", message, cause);
export const forbidden = (message: string, cause?: unknown) => new EngineError("forbidden", message, cause);
export const internal = (message: string, cause?: unknown) => new EngineError("internal", message, cause);
export const unavailable = (message: string, cause?: unknown) =>
  new EngineError("unavailable", message, cause);
export const notImplemented = (message: string, cause?: unknown) =>
  new EngineError("notImplemented", message, cause);

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for a system error of that code, as `fs` and `sys/` throw them: `hasCode(error, "ENOENT")`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
