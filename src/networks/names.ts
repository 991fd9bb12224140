import { hasCode } from "../errors.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type {
  NamedEndpoint,
  NamedSandbox,
  NameMethods,
  NetnsReference,
} from "../supervisor-protocol/names.ts";
import { type Endpoint, wayOut } from "./endpoint.ts";
import { byGatewayRank } from "./gateway.ts";
import type { OpenSandbox } from "./sandbox.ts";

/** The resolver, which outlives this process. */
export interface Resolver {
  /** False for one that is older than names. */
  isAble(): boolean;
  tell<M extends keyof NameMethods>(method: M, parameters: Parameters<NameMethods[M]>[0]): Promise<void>;
}

/** The names of sandboxes, as the resolver needs them. */
export interface SandboxNames {
  isAble(): boolean;
  /**
   * Makes the names of one known, and answers it if it has a resolver. In effect when it resolves; what fails is logged.
   * @param netns where it is
   */
  tell(sandbox: OpenSandbox, netns: NetnsReference | undefined): Promise<void>;
  remove(sandbox: OpenSandbox): void;
  /** Tells all of them again, to a resolver that has come in the place of another. */
  sync(sandboxes: Iterable<OpenSandbox>): Promise<void>;
}

export function createSandboxNames(resolver: Resolver, logger: Logger): SandboxNames {
  async function tell(...[method, parameters]: Parameters<Resolver["tell"]>): Promise<void> {
    if (!resolver.isAble()) return;
    await resolver.tell(method, parameters).catch((error: unknown) => {
      // It has ended meanwhile.
      if (hasCode(error, "ESRCH") || hasCode(error, "ENOENT")) return;
      logger.warn({ error }, "the resolver did not take names over");
    });
  }

  return {
    isAble: () => resolver.isAble(),
    async tell(sandbox, netns) {
      if (hasNames(sandbox)) await tell("putNames", describeNames(sandbox, netns));
    },
    remove(sandbox) {
      if (hasNames(sandbox)) void tell("removeNames", { id: sandbox.owner.id });
    },
    async sync(sandboxes) {
      const named = [...sandboxes].filter(hasNames).map((one) => describeNames(one, one.process));
      await tell("syncNames", { sandboxes: named, networks: [] });
    },
  };
}

/** Whether it is called by name, or asks for names. */
export function hasNames({
  endpoints,
  hasResolver,
}: Pick<OpenSandbox, "endpoints" | "hasResolver">): boolean {
  return hasResolver || endpoints.some(({ names }) => names.length > 0);
}

function describeNames(sandbox: OpenSandbox, netns: NetnsReference | undefined): NamedSandbox {
  const { owner, endpoints, hasResolver, nameServers, hasNdots } = sandbox;
  const called = endpoints.filter(({ names }) => names.length > 0).toSorted(byGatewayRank(4));
  return {
    id: owner.id,
    ...(hasResolver && netns && { netns }),
    endpoints: called.map(describeEndpoint),
    servers: nameServers,
    hasNdots,
    isIsolated: !endpoints.some(
      (endpoint) => !endpoint.network.isInternal && (wayOut(endpoint, 4) ?? wayOut(endpoint, 6)),
    ),
  };
}

function describeEndpoint({ network, names, addresses, settings }: Endpoint): NamedEndpoint {
  return {
    network: network.name,
    networkId: network.id,
    names: [...names],
    addresses: addresses.map(({ address }) => formatIpAddress(address)),
    links: (settings.Links ?? []).map((link) => {
      const [name = "", alias = name] = link.split(":");
      return [alias, name];
    }),
  };
}
