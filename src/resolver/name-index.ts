import type { NamedEndpoint, NamedSandbox } from "../supervisor-protocol/names.ts";

/** All names of one network. */
interface NetworkNames {
  /** Lower case. */
  byName: Map<string, Set<NamedEndpoint>>;
  byAddress: Map<string, NamedEndpoint>;
}

/** Who is called what, on which network. Names are compared without case. */
export interface NameIndex {
  /** Another number after each change. */
  version(): number;
  put(sandbox: NamedSandbox): void;
  remove(id: string): void;
  /** Addresses of all that bear a name on a network, without doubles; undefined when none does. */
  findAddresses(networkId: string, name: string): string[] | undefined;
  /** What an address is called there. */
  findName(networkId: string, address: string): string | undefined;
}

export function createNameIndex(): NameIndex {
  const sandboxes = new Map<string, NamedSandbox>();
  const networks = new Map<string, NetworkNames>();
  let version = 0;

  function namesOf(networkId: string): NetworkNames {
    const known = networks.get(networkId);
    if (known) return known;
    const made: NetworkNames = { byName: new Map(), byAddress: new Map() };
    networks.set(networkId, made);
    return made;
  }

  function add(endpoint: NamedEndpoint): void {
    const { byName, byAddress } = namesOf(endpoint.networkId);
    for (const name of endpoint.names.map(fold)) {
      const bearers = byName.get(name) ?? new Set();
      byName.set(name, bearers.add(endpoint));
    }
    for (const address of endpoint.addresses) byAddress.set(address, endpoint);
  }

  function drop(endpoint: NamedEndpoint): void {
    const { byName, byAddress } = namesOf(endpoint.networkId);
    for (const name of endpoint.names.map(fold)) {
      const bearers = byName.get(name);
      bearers?.delete(endpoint);
      if (bearers?.size === 0) byName.delete(name);
    }
    for (const address of endpoint.addresses)
      if (byAddress.get(address) === endpoint) byAddress.delete(address);
    if (byName.size === 0 && byAddress.size === 0) networks.delete(endpoint.networkId);
  }

  function remove(id: string): void {
    version++;
    for (const endpoint of sandboxes.get(id)?.endpoints ?? []) drop(endpoint);
    sandboxes.delete(id);
  }

  return {
    version: () => version,
    remove,
    put(sandbox) {
      remove(sandbox.id);
      sandboxes.set(sandbox.id, sandbox);
      for (const endpoint of sandbox.endpoints) add(endpoint);
    },
    findAddresses(networkId, name) {
      const bearers = networks.get(networkId)?.byName.get(fold(name));
      return bearers && [...new Set([...bearers].flatMap(({ addresses }) => addresses))];
    },
    findName: (networkId, address) => networks.get(networkId)?.byAddress.get(address)?.names[0],
  };
}

/** As the DNS compares names: ASCII letters without case, RFC 4343. */
export const fold = (name: string) => name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
