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
  const listed = readErrors(body);
  if (listed.length > 0) return new EngineError(kind, listed.join("\n"));
  if (status === 429)
    return new EngineError(
      kind,
      "toomanyrequests: the registry asks to be left alone for a while; try later",
    );
  const shown = body.replace(/\s+/g, " ").trim().slice(0, shownCharacters);
  const detail = shown === "" || shown.startsWith("<") ? "" : `: ${shown}`;
  return new EngineError(kind, `${what}: received unexpected HTTP status: ${status}${detail}`);
}

function readErrors(body: string): string[] {
  let document: Record<string, unknown>;
  try {
    document = parseJson(body, "error");
  } catch {
    return [];
  }
  // Token servers answer {"details": …} or OAuth's {"error_description": …}.
  const single = document.details ?? document.error_description;
  if (typeof single === "string") return [single];
  if (!Array.isArray(document.errors)) return [];
  return document.errors.slice(0, 5).flatMap((error: unknown) => {
    if (!isObject(error) || typeof error.code !== "string") return [];
    const code = error.code.toLowerCase().replaceAll("_", " ");
    const text = typeof error.message === "string" && error.message !== "" ? error.message : code;
    return `${code}: ${text.slice(0, 1000)}`;
  });
}
