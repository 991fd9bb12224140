import type { Relay, RelayMethods } from "../supervisor-protocol/relays.ts";
import type { Children } from "./children.ts";
import { createKeeper } from "./keeper.ts";

type Methods = {
  [Name in keyof RelayMethods]: (...parameters: Parameters<RelayMethods[Name]>) => Promise<void>;
};

/** Ports that go by way of a process, and the one process for all of them. It is started with the first such port. */
export function createRelays(children: Children, execRoot: string): Methods {
  const owners = new Map<string, Relay[]>();
  const list = () => [...owners].map(([id, relays]) => ({ id, relays }));
  const { tell } = createKeeper({
    ...{ program: "relay", children, execRoot },
    isNeeded: () => owners.size > 0,
    all: () => ({ method: "syncRelays", parameters: { owners: list() } }),
  });

  return {
    async putRelays({ id, relays }) {
      owners.delete(id);
      if (relays.length > 0) owners.set(id, relays);
      // Also of an owner that has none: its container's end may have been told already, and not be in effect.
      await tell("putRelays", { id, relays });
    },
    syncRelays(options) {
      owners.clear();
      for (const { id, relays } of options.owners) owners.set(id, relays);
      return tell("syncRelays", options);
    },
  };
}
