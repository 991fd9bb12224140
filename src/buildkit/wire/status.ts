import { EngineError, messageOf } from "../../errors.ts";
import { int32, many, message, one, protoBytes, protoString } from "./message.ts";

/** Of gRPC's status codes those that are used here. */
export const code = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
} as const;

/** More about an error: `type` is BuildKit's name of it. */
export interface Detail {
  type: string;
  value: unknown;
}

/** google.rpc.Status; the details are JSON here, not protobuf. */
export const statusMessage = message({
  code: one(1, int32),
  message: one(2, protoString),
  details: many(3, message({ typeUrl: one(1, protoString), value: one(2, protoBytes) })),
});

/** An error with a gRPC status. */
export class GrpcError extends Error {
  readonly code: number;
  readonly details: readonly Detail[];
  constructor(statusCode: number, message_: string, details: readonly Detail[] = [], cause?: unknown) {
    super(message_, { cause });
    this.code = statusCode;
    this.details = details;
  }
}

/** dockerd answers nearly everything as "unknown"; clients put any other code's name in front of the message. */
export function toGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const details = error instanceof EngineError ? detailsOf(error) : [];
  return new GrpcError(code.unknown, messageOf(error), details, error);
}

/** An error may carry details of its own. */
function detailsOf(error: EngineError & { details?: readonly Detail[] }): readonly Detail[] {
  return error.details ?? [];
}

/** Percent signs make three of each byte, and many take no header that is longer than 64 KB. */
const largestMessageCharacters = 6 * 1024;

const clip = (text: string) => text.slice(0, largestMessageCharacters).toWellFormed();

/** Trailers of a call that has ended. */
export function encodeTrailers(error: GrpcError | undefined): Record<string, string> {
  if (!error) return { "grpc-status": "0" };
  return {
    "grpc-status": String(error.code),
    "grpc-message": encodeURIComponent(clip(error.message)),
    ...(error.details.length > 0 && { "grpc-status-details-bin": encodeStatus(error).toString("base64") }),
  };
}

export function encodeStatus(error: GrpcError): Buffer {
  const details = error.details.map(({ type, value }) => ({
    typeUrl: type,
    value: Buffer.from(JSON.stringify(value)),
  }));
  return statusMessage.encode({ code: error.code, message: clip(error.message), details });
}

/** What the other side said of a failed call; undefined when it did not fail. */
export function decodeTrailers(trailers: Record<string, unknown>): GrpcError | undefined {
  const status = Number(trailers["grpc-status"] ?? code.unknown);
  if (status === code.ok) return undefined;
  const details = decodeDetails(String(trailers["grpc-status-details-bin"] ?? ""));
  return new GrpcError(status, decodeMessage(String(trailers["grpc-message"] ?? "")), details);
}

/** None where they cannot be read: the other side may send anything. */
function decodeDetails(encoded: string): Detail[] {
  if (encoded === "") return [];
  try {
    return parseDetails(statusMessage.decode(Buffer.from(encoded, "base64")).details);
  } catch {
    return [];
  }
}

/** Those that are not JSON are left out. */
export function parseDetails(details: readonly { typeUrl: string; value: Uint8Array }[]): Detail[] {
  return details.flatMap(({ typeUrl, value }) => {
    try {
      return [{ type: typeUrl, value: JSON.parse(Buffer.from(value).toString()) as unknown }];
    } catch {
      return [];
    }
  });
}

function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
