import { EngineError, type ErrorKind } from "../errors.ts";

/** The one place where kinds of errors become HTTP statuses. */
const statuses: Record<ErrorKind, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  internal: 500,
  notImplemented: 501,
  unavailable: 503,
};

export function statusOf(error: unknown): number {
  return error instanceof EngineError ? statuses[error.kind] : 500;
}
