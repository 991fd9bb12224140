import type { CacheMounts, OpenSettings } from "../cache/cache-mounts.ts";
import type { RunMountNode } from "../graph/nodes.ts";

type CacheMountNode = Extract<RunMountNode, { type: "cache" }>;

/** Cache mounts while a step has them. */
export interface StepCaches {
  /** Their directories, by the mounts' ids. */
  readonly paths: ReadonlyMap<string, string>;
  close(): void;
}

/** What another step may have for as long as it likes. One that is private is there or is made at once. */
export const mayHaveToWait = ({ sharing }: CacheMountNode): boolean => sharing !== "private";

/**
 * Each once, and in one order for all steps: those that want them alone would wait for each other.
 * @param which of the mounts are meant
 * @throws the signal's reason
 */
export async function openStepCaches(
  cacheMounts: CacheMounts,
  mounts: readonly RunMountNode[],
  which: (mount: CacheMountNode) => boolean,
  settings: OpenSettings,
): Promise<StepCaches> {
  const paths = new Map<string, string>();
  const closers: (() => void)[] = [];
  const close = () => {
    for (const closer of closers) closer();
  };
  try {
    for (const mount of firstOfEach(mounts).filter(which)) {
      const cache = await cacheMounts.open(mount, settings);
      closers.push(cache.close);
      paths.set(mount.id, cache.path);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { paths, close };
}

/** In the order of their ids. */
function firstOfEach(mounts: readonly RunMountNode[]): CacheMountNode[] {
  const byId = new Map<string, CacheMountNode>();
  for (const mount of mounts) if (mount.type === "cache" && !byId.has(mount.id)) byId.set(mount.id, mount);
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
