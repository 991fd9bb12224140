import { EngineError } from "../errors.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { Registries } from "./registries.ts";
import { expectOk } from "./repository.ts";
import { dockerHub } from "./settings.ts";
import { createAuthorizer } from "./tokens.ts";

/** The domain that a `serveraddress` stands for: "https://index.docker.io/v1/" is Docker Hub's. */
export function domainOf(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  return host === "" || host === "index.docker.io" || host === "registry-1.docker.io" ? dockerHub : host;
}

/**
 * Tries credentials at a registry. Returns an identity token where the registry gives one in the password's stead.
 * @throws unauthorized, in Docker's words
 */
export async function logIn(
  registries: Registries,
  auth: RegistryAuth,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const connection = await registries.own(domainOf(auth.serverAddress ?? "")).connect(signal);
  const authorizer = createAuthorizer(registries.transport, connection, auth, true);
  const request = { method: "GET" as const, url: `${connection.origin}/v2/` };
  let sent: Record<string, string> = {};
  let response = await registries.transport.request(connection, request, signal);
  try {
    for (let tries = 0; response.status === 401 && tries < 2; tries++) {
      if (!(await authorizer.answer({ response, sent }, [], signal))) break;
      sent = authorizer.headers([]);
      response = await registries.transport.request(connection, { ...request, headers: sent }, signal);
    }
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== "unauthorized") throw error;
    throw new EngineError("unauthorized", `Get "${request.url}": ${error.message}`, error);
  }
  if (response.status === 401)
    throw new EngineError(
      "unauthorized",
      `login attempt to ${request.url} failed with status: 401 Unauthorized`,
    );
  expectOk(response, "Get");
  return authorizer.identityToken;
}
