import { messageOf } from "../errors.ts";
import { listExposedPorts } from "../formats/container-port.ts";
import { anyAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import { bridgeOf } from "./bridge.ts";
import { addressIn } from "./endpoint.ts";
import type { Publication } from "./port-map.ts";
import type { PublishedPorts } from "./published-ports.ts";
import type { OpenSandbox } from "./sandbox.ts";

/*
 * Containers of a default bridge with `icc=false` do not reach each other, but those that are linked reach the exposed ports of their
 * targets, by IPv4.
 */

/** @param sandboxes by owner */
export function findLinkedPorts(sandboxes: ReadonlyMap<string, OpenSandbox>): Publication[] {
  return [...sandboxes.values()].flatMap((sandbox) => {
    const linkedAddress = sandbox.links.length > 0 && separatedAddress(sandbox);
    if (!linkedAddress) return [];
    return sandbox.links.flatMap(({ ownerId, ports }) => {
      const target = sandboxes.get(ownerId);
      const containerAddress = target && separatedAddress(target);
      if (!containerAddress) return [];
      return listExposedPorts(ports).map(({ protocol, port: containerPort }) => ({
        ...{ protocol, containerAddress, containerPort, linkedAddress },
        ...{ hostAddress: anyAddress(4), hostPort: 0 },
      }));
    });
  });
}

interface Linking {
  sandboxes: ReadonlyMap<string, OpenSandbox>;
  publishedPorts: PublishedPorts;
  logger: Logger;
}

/** After one has come, gone or changed. No start or end fails for it: the next one tries it again. */
export async function settleLinkedPorts({ sandboxes, publishedPorts, logger }: Linking): Promise<void> {
  try {
    await publishedPorts.link(findLinkedPorts(sandboxes));
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, "linked containers may not reach each other");
  }
}

/** Its IPv4 address on a default bridge whose containers do not reach each other. */
function separatedAddress({ endpoints }: OpenSandbox) {
  const endpoint = endpoints.find(({ network }) => network.name === "bridge");
  if (!endpoint || bridgeOf(endpoint.network)?.letsContainersTalk !== false) return undefined;
  return addressIn(endpoint, 4)?.address;
}
