import type { State } from "../../state/state.ts";
import { imageUseKind } from "./kinds.ts";

/** When a container was last made from an image, or was removed that had been. */
export interface LastUse {
  touch(id: string): void;
  /** Milliseconds since the epoch; 0 for never. */
  of(id: string): number;
  forget(id: string): void;
}

export function openLastUse(state: State): LastUse {
  const records = state.records(imageUseKind);
  const uses = records.load();
  return {
    touch(id) {
      const use = { at: Date.now() };
      uses.set(id, use);
      records.putSoon(id, use);
    },
    of: (id) => uses.get(id)?.at ?? 0,
    forget(id) {
      if (uses.delete(id)) records.deleteSoon(id);
    },
  };
}
