import { mediaTypes } from "../formats/oci-manifest.ts";
import type { RegistryCall, RegistryReply } from "./call.ts";
import { listRepositories, type Page, parsePageRequest, takePage } from "./lists.ts";

const mostTags = 10_000;
const mostRepositories = 1000;
const mostReferrers = 1000;

/** `GET /v2/<name>/tags/list` (specification, "Listing Tags"). */
export async function getTags(call: RegistryCall): Promise<RegistryReply> {
  const { name } = call;
  const wanted = parsePageRequest(call.query, mostTags);
  const page = takePage(await call.rooms.listTags(name), wanted, (tag) => tag);
  return json({ name, tags: page.items }, linkToNext(call, page, page.items.at(-1)));
}

/** `GET /v2/_catalog` (Docker Registry HTTP API V2, "Listing Repositories"). */
export async function getCatalog(call: RegistryCall): Promise<RegistryReply> {
  const page = await listRepositories(call.rooms.storage, parsePageRequest(call.query, mostRepositories));
  return json({ repositories: page.items }, linkToNext(call, page, page.items.at(-1)));
}

/** `GET /v2/<name>/referrers/<digest>` (specification, "Listing Referrers"). */
export async function getReferrers(call: RegistryCall): Promise<RegistryReply> {
  const kind = call.query.get("artifactType");
  const wanted = { ...parsePageRequest(call.query, mostReferrers), ...(kind && { artifactType: kind }) };
  const page = await call.rooms.manifests.referrers(call.name, call.digest(), wanted);
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: page.items };
  return json(index, {
    "Content-Type": mediaTypes.index,
    ...(kind && { "OCI-Filters-Applied": "artifactType" }),
    ...linkToNext(call, page, page.items.at(-1)?.digest),
  });
}

function json(body: object, headers: Record<string, string>): RegistryReply {
  return {
    status: 200,
    headers: { "Content-Type": "application/json", ...headers },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** RFC 5988, as the specification wants it for lists. */
function linkToNext(
  call: RegistryCall,
  { items, isMore }: Page<unknown>,
  last: string | undefined,
): Record<string, string> {
  if (!isMore || last === undefined) return {};
  const url = new URL(call.input.url ?? "/", "http://registry");
  url.searchParams.set("n", call.query.get("n") ?? String(items.length));
  url.searchParams.set("last", last);
  return { Link: `<${url.pathname}${url.search}>; rel="next"` };
}
