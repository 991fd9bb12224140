import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Link } from "../sys/link-message.ts";
import { bridgeOf } from "./bridge.ts";
import type { Catalog } from "./catalog.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Kernel } from "./kernel.ts";
import { bridgeMark, isBareMark, isEndpointMark } from "./marks.ts";
import type { OpenSandbox } from "./sandbox.ts";

/** The host ends of interfaces under this engine's bridges, and those that bear its mark, wherever they are. */
export interface OwnLinks {
  list(): Promise<OwnLink[]>;
  /** Puts the links of open sandboxes under their bridge that have lost it. One that cannot be is logged: the others are. */
  reattach(links: readonly Link[]): Promise<void>;
  /** Removes links whose sandbox is closed, such as one kept by a stray process in its namespace. */
  removeOrphans(): Promise<void>;
  /** The same after a while. */
  scheduleSweep(): void;
  stop(): void;
}

export interface OwnLink extends Link {
  /** It is under a bridge of a network. */
  isAttached: boolean;
}

interface OwnLinksOptions {
  tableName: string;
  catalog: Catalog;
  kernel: Kernel;
  logger: Logger;
  /** By owner. */
  sandboxes: ReadonlyMap<string, OpenSandbox>;
}

/** Most links have gone with their namespaces by then, and one sweep does for all ends meanwhile. */
const sweepDelayMilliseconds = 1000;

export function createOwnLinks(options: OwnLinksOptions): OwnLinks {
  const { tableName, catalog, kernel, logger, sandboxes } = options;
  let sweep: NodeJS.Timeout | undefined;

  const openEndpoints = () => [...sandboxes.values()].flatMap(({ endpoints }) => endpoints);

  const isOwnBridge = ({ alias }: Link) => alias === bridgeMark(tableName);

  async function list(): Promise<OwnLink[]> {
    const links = await kernel.listLinks();
    const own = indicesOf(links.filter(isOwnBridge));
    const known = new Set(catalog.bridges().map(({ link }) => link));
    const bridges = indicesOf(links.filter(({ name }) => known.has(name)));
    return links.flatMap((link) => {
      const { kind, master, alias } = link;
      const isAttached = bridges.has(master);
      // A killed daemon may have put it under no bridge yet; under one of the machine's are links of other programs' containers, too.
      const isOwn =
        isEndpointMark(alias, tableName) || (isAttached && (own.has(master) || isBareMark(alias)));
      return kind === "veth" && isOwn ? [{ ...link, isAttached }] : [];
    });
  }

  async function removeOrphans(): Promise<void> {
    const found = await list();
    const wanted = new Set(openEndpoints().map(({ link }) => link));
    // The link of one that is just being joined is there before its name is known.
    const coming = new Set(openEndpoints().flatMap(({ link, linkAlias }) => (link ? [] : linkAlias)));
    for (const { name, alias } of found)
      if (!wanted.has(name) && !coming.has(alias)) await kernel.removeLink(name);
  }

  return {
    list,
    removeOrphans,
    async reattach(links) {
      const own = new Set(links.filter(isOwnBridge).map(({ name }) => name));
      const free = new Set(links.filter(({ master }) => master === 0).map(({ name }) => name));
      for (const { link: name, network, linkAlias: alias } of openEndpoints()) {
        const bridge = bridgeOf(network);
        if (!name || !free.has(name) || !bridge) continue;
        // Another program has made one of that name.
        if (!bridge.isForeign && !own.has(bridge.link)) continue;
        const { link, mtu, letsContainersTalk } = bridge;
        const port = { name, bridge: link, mtu, alias, isIsolated: !letsContainersTalk };
        await kernel.attach(port).catch((error: unknown) => {
          // It has gone with its container meanwhile, or its bridge has.
          if (hasCode(error, "ENODEV")) return;
          const reason = messageOf(error);
          logger.warn(
            { link: name, bridge: link, reason },
            "a container's link cannot be put under its bridge",
          );
        });
      }
    },
    scheduleSweep() {
      // One that runs is not put off: ends may come one after the other without a pause.
      if (sweep) return;
      sweep = setTimeout(() => {
        sweep = undefined;
        removeOrphans().catch((error) =>
          logger.warn({ reason: messageOf(error) }, "links of ended containers could not be removed"),
        );
      }, sweepDelayMilliseconds);
      sweep.unref();
    },
    stop: () => clearTimeout(sweep),
  };
}

const indicesOf = (links: readonly Link[]) => new Set(links.map(({ index }) => index));

/**
 * Which of the links is an endpoint's. Earlier versions marked all links of a container alike: then it is the one under the
 * network's bridge.
 */
export function findLinkOf({ linkAlias, network }: Endpoint, links: readonly Link[]): string | undefined {
  const marked = links.filter(({ kind, alias }) => kind === "veth" && alias === linkAlias);
  const bridge = links.find(({ name }) => name === network.bridge?.link);
  return (marked.find(({ master }) => bridge && master === bridge.index) ?? marked[0])?.name;
}
