import { STATUS_CODES } from "node:http";
import { EngineError, type ErrorKind } from "../errors.ts";
import { isObject, parseJson } from "../formats/json.ts";

const kinds: Record<number, ErrorKind> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "notFound",
  405: "notImplemented",
  413: "invalid",
};

/** Of a text that is no error document: this much is shown. */
const shownCharacters = 200;

/**
 * What a registry's refusal means for the user, in Docker's words: "code: message" of the specification's error documents
 * (OCI distribution spec, "Error Codes"), else the status and what came with it.
 */
export function describeRegistryError(status: number, body: string, what: string): EngineError {
  const kind: ErrorKind = kinds[status] ?? (status >= 500 || status === 429 ? "unavailable" : "invalid");
  const { listed, text } = readRefusal(body);
  if (listed.length > 0) return new EngineError(kind, listed.join("\n"));
  if (status === 429)
    return new EngineError(
      kind,
      `toomanyrequests: ${text || "registry rate limit exceeded, try again later"}`,
    );
  const detail = text === "" ? "" : `: ${text}`;
  const named = [status, STATUS_CODES[status]].filter(Boolean).join(" ");
  return new EngineError(kind, `${what}: received unexpected HTTP status: ${named}${detail}`);
}

/**
 * What the body of a refusal says: the errors of an error document as "code: message", or else the reason it gives in another
 * form, as far as it is meant for people.
 */
export function readRefusal(body: string): { listed: string[]; text: string } {
  const plain = body.replace(/\s+/g, " ").trim();
  let document: Record<string, unknown>;
  try {
    document = parseJson(body, "error");
  } catch {
    return { listed: [], text: plain.startsWith("<") ? "" : plain.slice(0, shownCharacters) };
  }
  // Token servers answer {"details": …} or OAuth's {"error_description": …}.
  const given = [document.details, document.error_description, document.message, document.error];
  const reason = given.find((one): one is string => typeof one === "string" && one !== "");
  if (!Array.isArray(document.errors)) return { listed: [], text: (reason ?? plain).slice(0, 1000) };
  const listed = document.errors.slice(0, 5).flatMap((error: unknown) => {
    if (!isObject(error) || typeof error.code !== "string") return [];
    const code = error.code.toLowerCase().replaceAll("_", " ");
    const text = typeof error.message === "string" && error.message !== "" ? error.message : code;
    return `${code}: ${text.slice(0, 1000)}`;
  });
  return { listed, text: plain.slice(0, shownCharacters) };
}
