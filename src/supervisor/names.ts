import { internal } from "../errors.ts";
import type { NamedSandbox, NameMethods, ResolverRequest } from "../supervisor-protocol/names.ts";
import type { Children } from "./children.ts";
import { type ResolverProcess, startResolver } from "./resolver-process.ts";

type Methods = {
  [Name in keyof NameMethods]: (...parameters: Parameters<NameMethods[Name]>) => Promise<void>;
};

/** Starts that may fail in a row, each a while after the one before. */
const mostTries = 5;
const retryMilliseconds = 100;
/** One that has lived as long was well. */
const settledMilliseconds = 5000;
const idleMilliseconds = 10_000;

/**
 * Names of the containers that run, and the process that answers them. All that it knows is kept here, so that another can take its
 * place at any moment. It is started with the first container that asks for names.
 */
export function createNames(children: Children, execRoot: string): Methods {
  const sandboxes = new Map<string, NamedSandbox>();
  let networks: string[] = [];
  let resolver: ResolverProcess | undefined;
  /** The start of another one, that knows all. */
  let replacing: Promise<void> | undefined;
  let idleTimer: NodeJS.Timeout | undefined;

  const isAsked = () => sandboxes.values().some(({ netns }) => netns !== undefined);
  const all = () => ({ sandboxes: [...sandboxes.values()], networks });

  async function start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const startedAt = performance.now();
        const started = startResolver(children, execRoot, () => {
          if (resolver === started) resolver = undefined;
          const isSettled = performance.now() - startedAt > settledMilliseconds;
          if (isAsked() && !replacing) void replace(isSettled ? 0 : retryMilliseconds).catch(console.error);
        });
        resolver = started;
        return await started.request("syncNames", all());
      } catch (error) {
        if (tries === mostTries) throw internal("the resolver does not start; see supervisor.log", error);
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    }
  }

  function replace(afterMilliseconds: number): Promise<void> {
    replacing ??= new Promise((resolve) => setTimeout(resolve, afterMilliseconds)).then(start).finally(() => {
      replacing = undefined;
    });
    return replacing;
  }

  /** A resolver that is being started knows all when it is there. */
  async function tell(
    method: ResolverRequest["method"],
    parameters: ResolverRequest["parameters"],
  ): Promise<void> {
    clearTimeout(idleTimer);
    idleTimer = setTimeout(endIfIdle, idleMilliseconds).unref();
    if (replacing) await replacing;
    else if (!resolver) {
      if (isAsked()) await replace(0);
    } else
      await resolver.request(method, parameters).catch(async (error: unknown) => {
        if (!replacing) throw error;
        await replacing;
      });
  }

  function endIfIdle(): void {
    if (isAsked()) return;
    resolver?.close();
    resolver = undefined;
  }

  return {
    putNames(sandbox) {
      sandboxes.set(sandbox.id, sandbox);
      return tell("putNames", sandbox);
    },
    async removeNames(options) {
      if (sandboxes.delete(options.id)) await tell("removeNames", options);
    },
    nameNetworks(options) {
      networks = options.networks;
      return tell("nameNetworks", options);
    },
    syncNames(options) {
      sandboxes.clear();
      for (const sandbox of options.sandboxes) sandboxes.set(sandbox.id, sandbox);
      networks = options.networks;
      return tell("syncNames", options);
    },
  };
}
