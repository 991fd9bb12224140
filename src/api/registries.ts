import { logIn } from "../distribution/login.ts";
import { parseReference } from "../formats/reference.ts";
import { decodeRegistryAuth, readRegistryAuth } from "../formats/registry-auth.ts";
import { inspectRemote } from "../images/inspect-remote.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

/** `POST /auth`: tries a user's credentials; it is the client that keeps them. */
export async function auth(request: ApiRequest): Promise<Reply> {
  const credentials = readRegistryAuth(await request.json());
  const token = await logIn(request.engine.images.registries, credentials, request.signal);
  return ok({ Status: "Login Succeeded", IdentityToken: token ?? "" });
}

export async function inspect(request: ApiRequest): Promise<Reply> {
  const credentials = decodeRegistryAuth(String(request.input.headers["x-registry-auth"] ?? ""));
  const reference = parseReference(request.param("name"));
  return ok(await inspectRemote(request.engine.images.registries, reference, credentials, request.signal));
}
