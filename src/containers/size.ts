import { measureTrees } from "../trees/trees.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { findManifestOf } from "./image-of.ts";
import { upperOf } from "./rootfs.ts";

/** In bytes; what cannot be read is -1, and no reason to fail a list. */
export interface ContainerSizes {
  SizeRw: number;
  SizeRootFs: number;
}

export interface MeasuredContainer {
  container: Container;
  sizes: ContainerSizes;
}

export async function sizesOf(containers: Containers, container: Container): Promise<ContainerSizes> {
  const [measured] = await measureContainers(containers, [container]);
  return measured?.sizes ?? { SizeRw: -1, SizeRootFs: -1 };
}

/** Measures them by one job of a thread: a list of thousands needs few. */
export async function measureContainers(
  containers: Containers,
  some: readonly Container[],
  signal?: AbortSignal,
): Promise<MeasuredContainer[]> {
  const trees = await measureTrees(
    some.map(({ record }) => upperOf(containers, record.id)),
    signal,
  );
  return some.map((container, at) => ({ container, sizes: describeSizes(containers, container, trees[at]) }));
}

type Tree = Awaited<ReturnType<typeof measureTrees>>[number] | undefined;

function describeSizes(containers: Containers, { record }: Container, tree: Tree): ContainerSizes {
  const imageBytes = findManifestOf(containers, record)?.content.sizeBytes ?? 0;
  if (tree && !(tree instanceof Error))
    return { SizeRw: tree.contentBytes, SizeRootFs: imageBytes + tree.contentBytes };
  containers.logger.warn({ error: tree, container: record.id }, "a container's size could not be read");
  return { SizeRw: -1, SizeRootFs: imageBytes };
}
