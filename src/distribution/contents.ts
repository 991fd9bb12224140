import { unavailable } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { parseJson } from "../formats/json.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { DocumentResponse } from "./connection.ts";
import type { Registries } from "./registries.ts";
import { expectOk, findNextPage, openRepository } from "./repository.ts";
import { openSession } from "./session.ts";

/** The user that a registry is asked for, and how long. */
interface Asking {
  auth: RegistryAuth;
  signal?: AbortSignal;
}

export interface RepositoryList {
  /** By name. */
  names: string[];
  /** There are more than are listed. */
  isCut: boolean;
}

/** A page holds some hundreds. */
const mostPages = 100;
const mostNames = 20_000;
const pageSize = 1000;
const longestName = 255;
/** There are registries that give all names on one page. */
const listPatience = 3;

/**
 * The repositories of a registry, as far as it lists them to this user (`GET /v2/_catalog`, of Docker's Registry API).
 * @param domain a registry's host @throws EngineError with what the registry says; notFound for one that has no list
 */
export async function listRemoteRepositories(
  { transport, own }: Registries,
  domain: string,
  { auth, signal }: Asking,
): Promise<RepositoryList> {
  const session = openSession(transport, await own(domain).connect(signal), auth, ["registry:catalog:*"]);
  const names = new Set<string>();
  let url: string | undefined = `/v2/_catalog?n=${pageSize}`;
  let isCut = false;
  for (let page = 0; url !== undefined && !isCut; page++) {
    const response: DocumentResponse = await session.request({ method: "GET", url }, signal);
    expectOk(response, "GET");
    const { repositories } = parseJson(response.body.toString(), "list of repositories", listPatience);
    const before = names.size;
    if (Array.isArray(repositories))
      for (const name of repositories)
        if (typeof name === "string" && name.length <= longestName && names.size < mostNames) names.add(name);
    url = findNextPage(response, session);
    if (url !== undefined && names.size === before)
      throw unavailable("the list of repositories does not come to an end");
    isCut = names.size === mostNames || (url !== undefined && page === mostPages);
  }
  return { names: [...names].sort(), isCut };
}

/** Every tag of a repository, by name. @throws EngineError with what the registry says */
export async function listRemoteTags(
  { transport, own }: Registries,
  { domain, path }: { domain: string; path: string },
  { auth, signal }: Asking,
): Promise<string[]> {
  const repository = openRepository(transport, await own(domain).connect(signal), path, auth);
  return (await repository.listTags(signal)).sort();
}

/**
 * Removes a manifest from a registry, and with it all tags that name it (OCI distribution spec, "Deleting manifests").
 * @throws EngineError with what the registry says, such as that it deletes nothing
 */
export async function deleteRemoteManifest(
  { transport, own }: Registries,
  { domain, path, digest }: { domain: string; path: string; digest: Digest },
  { auth, signal }: Asking,
): Promise<void> {
  const connection = await own(domain).connect(signal);
  const session = openSession(transport, connection, auth, [`repository:${path}:pull,delete`]);
  const url = `/v2/${path}/manifests/${digest}`;
  expectOk(await session.request({ method: "DELETE", url }, signal), "DELETE");
}
