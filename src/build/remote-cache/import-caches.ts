import { messageOf } from "../../errors.ts";
import { formatReference } from "../../formats/reference.ts";
import { presentManifests } from "../../images/select-manifest.ts";
import { beginStatus, newVertex, reportProblem, reportWork } from "../progress.ts";
import type { Solving } from "../solve/solving.ts";
import { type CacheAddress, type CacheOrder, parseCacheImport } from "./cache-orders.ts";
import { type CacheSource, openClientSource, openRegistrySource } from "./cache-places.ts";
import { type ImportedCache, joinCaches, parseImageCache, readCache } from "./read-cache.ts";

/**
 * Reads the caches that a client names, all at once. One that cannot be had is left out, as BuildKit does it: the progress says why, and
 * the build goes on.
 */
export async function importCaches(
  solving: Omit<Solving, "file">,
  orders: readonly CacheOrder[],
): Promise<ImportedCache[]> {
  const caches = await Promise.all(
    orders.map(async (order) => {
      const address = readAddress(solving, order);
      return address && importCache(solving, address).catch(() => undefined);
    }),
  );
  return caches.filter((cache) => cache !== undefined);
}

function readAddress({ report }: Omit<Solving, "file">, order: CacheOrder): CacheAddress | undefined {
  try {
    return parseCacheImport(order);
  } catch (error) {
    const shown = order.attrs.get("ref") || order.attrs.get("src") || order.type;
    reportProblem(report, `importing cache manifest from ${shown}`, messageOf(error));
    return undefined;
  }
}

function importCache(solving: Omit<Solving, "file">, address: CacheAddress): Promise<ImportedCache> {
  const { report } = solving;
  const name = address.type === "registry" ? formatReference(address.reference) : address.store;
  const vertex = newVertex(`importing cache manifest from ${name}`);
  return reportWork(report, vertex, async () => {
    const here = address.type === "registry" ? await findHere(solving, name) : undefined;
    if (here) return here;
    const source = await openSource(solving, address);
    return readCache(source, (mediaType) => {
      beginStatus(report, vertex.digest, `inferred cache manifest type: ${mediaType}`)(0, true);
    });
  });
}

/** As dockerd does: an image of that name that is here, with a cache in it, is as good as what the registry has. */
async function findHere({ rooms }: Omit<Solving, "file">, name: string): Promise<ImportedCache | undefined> {
  const { images } = rooms;
  const image = images.findImage(name);
  if (!image) return undefined;
  try {
    const caches = await Promise.all(
      presentManifests(image).map(async (manifest) =>
        parseImageCache(await images.readConfig(manifest), manifest.content.blobs, []),
      ),
    );
    const all = joinCaches(caches);
    return all.isEmpty ? undefined : all;
  } catch {
    // The registry may have a better one.
    return undefined;
  }
}

async function openSource(
  { rooms, session, findCredentials, signal }: Omit<Solving, "file">,
  address: CacheAddress,
): Promise<CacheSource> {
  if (address.type === "local") {
    const client = await session("");
    return openClientSource(client.content(address.store), address.digest, address.store);
  }
  const { registries } = rooms.images;
  const { reference } = address;
  const auth = (await findCredentials(reference.domain)) ?? {};
  return openRegistrySource({ registries, reference, auth, logger: rooms.logger }, signal);
}
