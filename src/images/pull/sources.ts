import type { Registries } from "../../distribution/registries.ts";
import { type BlobSender, openRepository, type Repository } from "../../distribution/repository.ts";
import { messageOf } from "../../errors.ts";
import { type Descriptor, isNondistributable } from "../../formats/oci-manifest.ts";
import type { Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { Logger } from "../../logger.ts";
import { createSharedWork } from "../../sys/shared-work.ts";

/** A place where blobs may be had. */
export interface BlobPlace {
  /** For people: a mirror's address, or the registry's host. */
  readonly name: string;
  /** Opened when it is needed, and once. */
  open(signal: AbortSignal): Promise<BlobSender>;
}

/** A place where a repository may be had. */
export interface Source extends BlobPlace {
  /** Opened when it is needed, and once. */
  open(signal: AbortSignal): Promise<Repository>;
}

/** The mirrors in order, then the registry itself. */
export function openSources(registries: Registries, reference: Reference, auth: RegistryAuth): Source[] {
  return registries.endpoints(reference.domain).map((endpoint) => {
    let opened: Repository | undefined;
    const opening = createSharedWork<undefined, Repository>();
    const connect = async (signal: AbortSignal) => {
      const connection = await endpoint.connect(signal);
      opened = openRepository(
        registries.transport,
        connection,
        reference.path,
        endpoint.isMirror ? {} : auth,
      );
      return opened;
    };
    return {
      name: endpoint.name,
      // One pull that is given up takes it from no other that has joined in its layers.
      open: async (signal) =>
        opened ??
        opening.join(
          "",
          signal,
          (own) => ({ state: undefined, done: connect(own) }),
          () => {},
        ),
    };
  });
}

/** A manifest may name any number, on any machine. */
const mostPlacesElsewhere = 3;

/** Where a layer is that may not be in a registry, and perhaps is all the same: its registries come first. */
export function placesOf({ mediaType, urls = [] }: Descriptor, sources: readonly Source[]): BlobPlace[] {
  const [source] = sources;
  if (!source || !isNondistributable(mediaType)) return [...sources];
  const usable = urls.filter((url) => /^https?:\/\//.test(url) && URL.canParse(url));
  const others = usable.slice(0, mostPlacesElsewhere).map((url): BlobPlace => {
    return { name: new URL(url).host, open: async (signal) => (await source.open(signal)).elsewhere(url) };
  });
  return [...sources, ...others];
}

/**
 * Does something at the first place where it succeeds.
 * @throws what the last place threw, which is the registry itself; at once when aborted or the disk is full, since other places
 * don't help there
 */
export async function tryEach<T, P extends BlobPlace>(
  sources: readonly P[],
  { signal, logger }: { signal: AbortSignal; logger: Logger },
  action: (source: P) => Promise<T>,
): Promise<T> {
  let last: unknown;
  for (const source of sources) {
    try {
      return await action(source);
    } catch (error) {
      if (signal.aborted || isDiskFull(error)) throw error;
      logger.debug({ from: source.name, error: messageOf(error) }, "a pull failed here");
      last = error;
    }
  }
  throw last;
}

export const isDiskFull = (error: unknown) => /no space left on device/.test(messageOf(error));
