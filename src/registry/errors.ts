import { hasCode, messageOf } from "../errors.ts";

/** Codes of the OCI distribution specification ("Error Codes"), and what registries of Docker's protocol add, with their statuses. */
const statuses = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_TOO_LARGE: 413,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  STORAGE_FULL: 507,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
  UNSUPPORTED: 405,
} as const;

type ErrorCode = keyof typeof statuses;

/** An error for the client of the registry; anything else that is thrown is a bug and is answered with UNKNOWN. */
export class RegistryError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly detail: unknown;
  /** What is wrong besides, of the same kind. */
  readonly others: readonly RegistryError[];

  constructor(
    code: ErrorCode,
    message: string,
    {
      headers = {},
      detail,
      cause,
      others = [],
    }: {
      headers?: Record<string, string>;
      detail?: unknown;
      cause?: unknown;
      others?: readonly RegistryError[];
    } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RegistryError";
    this.code = code;
    this.status = statuses[code];
    this.headers = headers;
    this.detail = detail;
    this.others = others;
  }
}

/** What a failed storage means for the client, where that is known. */
export function toRegistryError(thrown: unknown): RegistryError | undefined {
  if (thrown instanceof RegistryError) return thrown;
  if (thrown instanceof URIError)
    return new RegistryError("NAME_INVALID", messageOf(thrown), { cause: thrown });
  if (hasCode(thrown, "ENOSPC") || hasCode(thrown, "EDQUOT")) {
    return new RegistryError("STORAGE_FULL", "no space left on the registry's storage", { cause: thrown });
  }
  return undefined;
}

/** The body of an error's answer (specification, "Error Codes"). */
export function formatErrors(error: RegistryError): string {
  const errors = [error, ...error.others].map(({ code, message, detail }) => ({
    code,
    message,
    ...(detail !== undefined && { detail }),
  }));
  return `${JSON.stringify({ errors })}\n`;
}
