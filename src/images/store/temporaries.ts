/** Images that are here for as long as an export takes, and which exports have them. Not stored: what a crash leaves is an image. */
export interface Temporaries {
  /** Of an image that has come. @param isNew nothing had it before */
  add(id: string, holder: symbol, isNew: boolean): void;
  /** It is wanted for longer: it has come another way as well, or has got a name or a container. */
  keep(id: string): void;
  has(id: string): boolean;
  /** @returns those that only this one had */
  letGo(holder: symbol): string[];
}

export function createTemporaries(): Temporaries {
  const holders = new Map<string, Set<symbol>>();
  return {
    add(id, holder, isNew) {
      const others = holders.get(id);
      if (others) others.add(holder);
      else if (isNew) holders.set(id, new Set([holder]));
    },
    keep: (id) => void holders.delete(id),
    has: (id) => holders.has(id),
    letGo(holder) {
      const gone: string[] = [];
      for (const [id, all] of holders) if (all.delete(holder) && all.size === 0) gone.push(id);
      for (const id of gone) holders.delete(id);
      return gone;
    },
  };
}
