import { deleteRemoteManifest, listRemoteRepositories, listRemoteTags } from "../distribution/contents.ts";
import { logIn } from "../distribution/login.ts";
import { searchImages } from "../distribution/search.ts";
import { invalid } from "../errors.ts";
import { isDigest } from "../formats/digest.ts";
import { authShape } from "../formats/docker-api/docker-api-bodies.ts";
import { flagOf } from "../formats/filters.ts";
import { parseReference } from "../formats/reference.ts";
import { decodeRegistryAuth, type RegistryAuth, readRegistryAuth } from "../formats/registry-auth.ts";
import { inspectRemote } from "../images/pull/inspect-remote.ts";
import { type ApiRequest, noContent, ok, type Reply } from "./request.ts";

/** `POST /auth`: tries a user's credentials; it is the client that keeps them. */
export async function auth(request: ApiRequest): Promise<Reply> {
  const credentials = readRegistryAuth(await request.body(authShape));
  const token = await logIn(request.engine.images.registries, credentials, request.signal);
  return ok({ Status: "Login Succeeded", IdentityToken: token ?? "" });
}

export async function inspect(request: ApiRequest): Promise<Reply> {
  const reference = parseReference(request.param("name"));
  const { signal, engine } = request;
  const context = { auth: credentialsOf(request), signal, logger: engine.logger };
  return ok(await inspectRemote(engine.images.registries, reference, context));
}

const defaultLimit = 25;
const largestLimit = 100;

export async function search(request: ApiRequest): Promise<Reply> {
  const term = request.text("term");
  if (term === "") throw invalid("search needs a term");
  const limit = request.number("limit") ?? defaultLimit;
  if (limit < 1 || limit > largestLimit)
    throw invalid(`limit ${limit} is outside the range of [1, ${largestLimit}]`);
  const filters = request.filters(["is-automated", "is-official", "stars"]);
  const stars = Math.max(0, ...(filters.get("stars") ?? []).map(parseStars));
  const official = flagOf(filters, "is-official");
  const automated = flagOf(filters, "is-automated");
  const { registries } = request.engine.images;
  const found = await searchImages(registries, { term, limit }, credentialsOf(request), request.signal);
  return ok(
    found.filter(
      (result) =>
        result.star_count >= stars &&
        (official === undefined || result.is_official === official) &&
        (automated === undefined || result.is_automated === automated),
    ),
  );
}

function parseStars(text: string): number {
  if (!/^\d+$/.test(text)) throw invalid(`invalid filter 'stars=${text}'`);
  return Number(text);
}

/** `GET /berth/registries/HOST/repositories`: what a registry lists. */
export async function repositories(request: ApiRequest): Promise<Reply> {
  const { domain } = repositoryOfRequest(request, "any");
  const { names, isCut } = await listRemoteRepositories(
    request.engine.images.registries,
    domain,
    askingOf(request),
  );
  return ok({ Repositories: names, More: isCut });
}

/** `GET /berth/registries/HOST/tags?repository=PATH`. */
export async function remoteTags(request: ApiRequest): Promise<Reply> {
  const repository = repositoryOfRequest(request, request.text("repository"));
  return ok({ Tags: await listRemoteTags(request.engine.images.registries, repository, askingOf(request)) });
}

/** `DELETE /berth/registries/HOST/manifest?repository=PATH&digest=DIGEST`: with it go all tags that name it. */
export async function removeRemote(request: ApiRequest): Promise<Reply> {
  const { domain, path } = repositoryOfRequest(request, request.text("repository"));
  const digest = request.text("digest");
  if (!isDigest(digest)) throw invalid(`invalid digest: ${JSON.stringify(digest)}`);
  const { registries } = request.engine.images;
  await deleteRemoteManifest(registries, { domain, path, digest }, askingOf(request));
  return noContent;
}

const askingOf = (request: ApiRequest) => ({ auth: credentialsOf(request), signal: request.signal });

/** @throws EngineError invalid for what is no registry's host or no repository */
function repositoryOfRequest(request: ApiRequest, repository: string): { domain: string; path: string } {
  const host = request.param("host");
  const { domain, path, tag, digest } = parseReference(`${host}/${repository}`);
  if (domain !== host)
    throw invalid(`${JSON.stringify(host)} is no registry: a host with a dot or a port is needed`);
  if (tag !== undefined || digest !== undefined || repository === "")
    throw invalid(`invalid repository: ${JSON.stringify(repository)}`);
  return { domain, path };
}

function credentialsOf(request: ApiRequest): RegistryAuth {
  return decodeRegistryAuth(String(request.input.headers["x-registry-auth"] ?? ""));
}
