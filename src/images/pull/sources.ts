import type { Registries } from "../../distribution/registries.ts";
import { openRepository, type Repository } from "../../distribution/repository.ts";
import { messageOf } from "../../errors.ts";
import type { Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { Logger } from "../../logger.ts";

/** A place where blobs may be had. */
export interface BlobPlace {
  /** For people: a mirror's address, or the registry's host. */
  readonly name: string;
  /** Opened when it is needed, and once. */
  open(signal: AbortSignal): Promise<Pick<Repository, "download">>;
}

/** A place where a repository may be had. */
export interface Source extends BlobPlace {
  /** Opened when it is needed, and once. */
  open(signal: AbortSignal): Promise<Repository>;
}

/** The mirrors in order, then the registry itself. */
export function openSources(registries: Registries, reference: Reference, auth: RegistryAuth): Source[] {
  return registries.endpoints(reference.domain).map((endpoint) => {
    let opening: Promise<Repository> | undefined;
    return {
      name: endpoint.name,
      open(signal) {
        opening ??= endpoint.connect(signal).then(
          (connection) =>
            openRepository(registries.transport, connection, reference.path, endpoint.isMirror ? {} : auth),
          (error) => {
            opening = undefined;
            throw error;
          },
        );
        return opening;
      },
    };
  });
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
