import { unavailable } from "../errors.ts";
import type { SearchResult } from "../formats/docker-api/docker-api-image.ts";
import { isObject, parseJson } from "../formats/json.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { DocumentResponse } from "./connection.ts";
import { domainOf } from "./login.ts";
import type { Registries } from "./registries.ts";
import { expectOk } from "./repository.ts";
import { openSession, type Session } from "./session.ts";
import { dockerHub } from "./settings.ts";

/** Docker Hub answers searches at another host than pulls. */
const hubIndex = "index.docker.io";
const mostCatalogNames = 10_000;

/**
 * Searches a registry: Docker Hub, or the one that `term` begins with ("localhost:5000/web"). By the search of Docker's v1
 * protocol, which some registries have; where there is none, in the names of `_catalog` (OCI distribution spec knows no search).
 * Names are as one pulls them.
 */
export async function searchImages(
  registries: Registries,
  { term, limit }: { term: string; limit: number },
  auth: RegistryAuth,
  signal?: AbortSignal,
): Promise<SearchResult[]> {
  const { domain, words } = splitTerm(term);
  const isHub = domain === dockerHub;
  const connection = await registries.own(isHub ? hubIndex : domain).connect(signal);
  const session = openSession(registries.transport, connection, auth, isHub ? [] : ["registry:catalog:*"]);
  const query = new URLSearchParams({ q: words, n: String(limit) });
  const response = await session.request({ method: "GET", url: `/v1/search?${query}` }, signal);
  const found =
    !isHub && response.status === 404
      ? await searchCatalog(session, words, signal)
      : readResults(response).filter(({ name }) => name !== "");
  const prefix = isHub ? "" : `${domain}/`;
  return found.slice(0, limit).map((result) => ({ ...result, name: prefix + result.name }));
}

/** As in a reference, the first part names a registry if it could be a host. */
function splitTerm(term: string): { domain: string; words: string } {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  if (!/[.:]/.test(first) && first !== "localhost") return { domain: dockerHub, words: term };
  const domain = domainOf(first);
  return { domain, words: term.slice(slash + 1) };
}

function readResults(response: DocumentResponse): SearchResult[] {
  expectOk(response, "GET");
  const { results } = parseJson(response.body.toString(), "search result");
  if (!Array.isArray(results))
    throw unavailable(`${response.url} answers with something else than a search result`);
  return results.filter(isObject).map((result) => ({
    name: textOf(result.name),
    description: textOf(result.description),
    star_count: Number(result.star_count) || 0,
    is_official: result.is_official === true,
    is_automated: result.is_automated === true,
  }));
}

const textOf = (value: unknown) => (typeof value === "string" ? value : "");

async function searchCatalog(session: Session, words: string, signal?: AbortSignal): Promise<SearchResult[]> {
  const url = `/v2/_catalog?n=${mostCatalogNames}`;
  const response = await session.request({ method: "GET", url }, signal);
  expectOk(response, "GET");
  const { repositories } = parseJson(response.body.toString(), "catalog");
  const names = Array.isArray(repositories) ? repositories.filter((name) => typeof name === "string") : [];
  return names
    .filter((name) => name.includes(words.toLowerCase()))
    .map((name) => ({ name, description: "", star_count: 0, is_official: false, is_automated: false }));
}
