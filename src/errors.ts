const kinds = [
  "invalid",
  "unauthorized",
  "forbidden",
  "notFound",
  "conflict",
  "unavailable",
  "notImplemented",
  "internal",
] as const;

/** What went wrong, from the caller's point of view. `api/errors.ts` maps each kind to one HTTP status. */
export type ErrorKind = (typeof kinds)[number];

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

/** An error as a message to another thread or process carries it. */
export interface EncodedError {
  message: string;
  /** Of an `EngineError`. */
  kind?: ErrorKind;
  /** Of a system error. */
  code?: string;
  /** Of anything else, which is a bug. */
  stack?: string;
}

export function encodeError(error: unknown): EncodedError {
  const message = messageOf(error);
  if (error instanceof EngineError) return { message, kind: error.kind };
  if (!(error instanceof Error)) return { message };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { message, ...(code && { code }), ...(error.stack && { stack: error.stack }) };
}

/** An error of a kind that a later version has added is taken for internal. */
export function decodeError({ message, kind, code, stack }: EncodedError): Error {
  if (kind) return new EngineError(kinds.includes(kind) ? kind : "internal", message);
  return Object.assign(new Error(message), code && { code }, stack && { stack });
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for a system error of that code, as `fs` and `sys/` throw them: `hasCode(error, "ENOENT")`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/**
 * What to say of a path that the kernel finds too long. The engine's own are short, so the caller has named it; other errors are
 * returned as they are.
 */
export function explainLongPath(error: unknown): unknown {
  if (!hasCode(error, "ENAMETOOLONG")) return error;
  return invalid("file name too long: a name has 255 bytes at most, a whole path 4095", error);
}
