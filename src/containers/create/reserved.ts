import type { Container } from "../container.ts";
import { type Containers, unregister } from "../containers.ts";
import { releaseMountedImages } from "../image-mounts.ts";
import { removeAnonymousVolumes } from "../lifecycle/discard.ts";
import { removeFiles } from "../size-limit.ts";

/** What goes on with a container's layers, perhaps for ever: a server that it needs may not answer. */
interface Layers {
  use: Promise<void>;
}

/** As Docker: until it is there in full none can find it, and no other can have its name. */
export async function makeReserved(
  containers: Containers,
  container: Container,
  signal: AbortSignal | undefined,
  make: (layers: Layers) => Promise<void>,
): Promise<void> {
  const { id, name } = container.record;
  const layers: Layers = { use: Promise.resolve() };
  containers.reservedNames.set(name, id);
  containers.byImage.add(container);
  try {
    await make(layers);
  } catch (error) {
    const released = layers.use
      .catch(() => {})
      .then(() => containers.images.release(id))
      .catch(warnOfLeftover(containers, id));
    await discard(containers, container, signal?.aborted ? [] : [released]);
    throw error;
  } finally {
    containers.reservedNames.delete(name);
  }
}

/** As much of it as can be: the caller has an error of its own to tell. @param others what is waited for as well */
async function discard(
  containers: Containers,
  container: Container,
  others: readonly Promise<unknown>[],
): Promise<void> {
  const { record } = container;
  unregister(containers, container);
  const work = [
    ...releaseMountedImages(containers, record),
    removeFiles(containers, record),
    removeAnonymousVolumes(containers, container),
  ];
  await Promise.allSettled([
    ...others,
    ...work.map((one) => one.catch(warnOfLeftover(containers, record.id))),
  ]);
}

const warnOfLeftover =
  ({ logger }: Containers, container: string) =>
  (error: unknown) =>
    logger.warn({ error, container }, "a failed create left files");
