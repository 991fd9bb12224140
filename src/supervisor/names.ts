import type { NamedSandbox, NameMethods } from "../supervisor-protocol/names.ts";
import type { Children } from "./children.ts";
import { createKeeper } from "./keeper.ts";

type Methods = {
  [Name in keyof NameMethods]: (...parameters: Parameters<NameMethods[Name]>) => Promise<void>;
};

/**
 * Names of the containers that run, and the process that answers them. All that it knows is kept here. It is started with the first
 * container that asks for names.
 */
export function createNames(children: Children, execRoot: string): Methods {
  const sandboxes = new Map<string, NamedSandbox>();
  const { tell } = createKeeper({
    ...{ program: "resolver", children, execRoot },
    isNeeded: () => sandboxes.values().some(({ netns }) => netns !== undefined),
    all: () => ({ method: "syncNames", parameters: { sandboxes: [...sandboxes.values()], networks: [] } }),
  });

  return {
    putNames(sandbox) {
      sandboxes.set(sandbox.id, sandbox);
      return tell("putNames", sandbox);
    },
    async removeNames(options) {
      if (sandboxes.delete(options.id)) await tell("removeNames", options);
    },
    syncNames(options) {
      sandboxes.clear();
      for (const sandbox of options.sandboxes) sandboxes.set(sandbox.id, sandbox);
      return tell("syncNames", options);
    },
  };
}
