import { useMemo } from "preact/hooks";
import { containers, nameOf } from "../../live/containers.ts";
import { useStore } from "../../store.ts";

/** Containers by the volumes that they have. */
export function useVolumeUsers(): ReadonlyMap<string, { id: string; name: string }[]> {
  const all = useStore(containers);
  return useMemo(() => {
    const users = new Map<string, { id: string; name: string }[]>();
    for (const one of all ?? [])
      for (const { Name } of one.Mounts ?? [])
        if (Name)
          users.set(Name, [...(users.get(Name) ?? []), { id: one.Id.slice(0, 12), name: nameOf(one) }]);
    return users;
  }, [all]);
}
