import { EngineError } from "../errors.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { BlobSource, Connection, DocumentRequest, DocumentResponse, Transport } from "./connection.ts";
import { describeRegistryError } from "./registry-error.ts";
import { createAuthorizer } from "./tokens.ts";

/** One registry as one user, for one kind of work. */
export interface Session {
  readonly connection: Connection;
  /** `request.url` is a path of the registry or a whole address. Gets a token where one is wanted; any status may come back but 401. */
  request(request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResponse>;
  /** The credentials as they are now, for what goes on without documents. */
  headers(): Record<string, string>;
  /**
   * Runs a download or an upload, and again with new credentials whenever they have run out meanwhile.
   * @throws unauthorized when new ones don't help either
   */
  renewing<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The full address of a path. */
  url(path: string): string;
  source(path: string): BlobSource;
}

/** New credentials that are refused sooner are wrong, not old. */
const shortestLifeMilliseconds = 5000;

/** `scopes` as the specification of token authentication has them: "repository:library/busybox:pull". */
export function openSession(
  transport: Transport,
  connection: Connection,
  auth: RegistryAuth,
  scopes: readonly string[],
): Session {
  const authorizer = createAuthorizer(transport, connection, auth);
  const url = (path: string) => new URL(path, connection.origin).href;

  async function ask(request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResponse> {
    const full = { ...request, url: url(request.url) };
    const isOwn = new URL(full.url).origin === connection.origin;
    // Twice: the token that is there may have run out, and a new one may be refused.
    for (let tries = 0; ; tries++) {
      const sent = isOwn ? authorizer.headers(scopes) : {};
      const headers = { ...request.headers, ...sent };
      const response = await transport.request(connection, { ...full, headers }, signal);
      if (response.status !== 401) return response;
      if (tries === 1 || !(await authorizer.answer({ response, sent }, scopes, signal)))
        throw refuse(request, response);
    }
  }

  return {
    connection,
    url,
    request: ask,
    headers: () => authorizer.headers(scopes),
    async renewing(work, signal) {
      for (let renewed = Number.NEGATIVE_INFINITY; ; renewed = performance.now()) {
        try {
          return await work();
        } catch (error) {
          const isExpired = error instanceof EngineError && error.kind === "unauthorized";
          if (!isExpired || signal?.aborted || performance.now() - renewed < shortestLifeMilliseconds)
            throw error;
          await ask({ method: "GET", url: "/v2/" }, signal);
        }
      }
    },
    source: (path) => ({ connection, url: url(path), headers: authorizer.headers(scopes) }),
  };
}

function refuse({ method, url }: DocumentRequest, { body, headers }: DocumentResponse): EngineError {
  const error = describeRegistryError(401, body.toString(), `${method} "${url}"`);
  // With a token that was just given: not the user is refused, but the request.
  if (/^bearer/i.test(headers["www-authenticate"] ?? "") && /^unauthorized: auth/.test(error.message))
    return new EngineError("forbidden", "denied: requested access to the resource is denied", error);
  const isPlain = error.message.includes("unexpected HTTP status");
  return new EngineError(
    "unauthorized",
    isPlain ? "unauthorized: incorrect username or password" : error.message,
  );
}
