import type { Container } from "./container.ts";

/** Containers by those that they are linked to (`--link`). */
export interface ContainersByLink {
  add(container: Container): void;
  delete(container: Container): void;
  /** Those that are linked to a container. */
  to(id: string): ReadonlySet<Container>;
}

const none: ReadonlySet<Container> = new Set();

export function createContainersByLink(): ContainersByLink {
  const byTarget = new Map<string, Set<Container>>();
  return {
    add(container) {
      for (const { id } of container.record.links) {
        const linked = byTarget.get(id);
        if (linked) linked.add(container);
        else byTarget.set(id, new Set([container]));
      }
    },
    delete(container) {
      for (const { id } of container.record.links) {
        const linked = byTarget.get(id);
        linked?.delete(container);
        if (linked?.size === 0) byTarget.delete(id);
      }
    },
    to: (id) => byTarget.get(id) ?? none,
  };
}
