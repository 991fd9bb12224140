import type { DatabaseSync } from "node:sqlite";

type Json = Record<string, unknown>;

/**
 * Schema 1 to 2: a network's subnet moves from its bridge to its pools, and what a running container has of the networks moves out
 * of its record. Rows that are damaged stay as they are, for quarantine.
 */
export function separateEndpoints(database: DatabaseSync): void {
  change(database, "network", ({ bridge, ...network }) => {
    const { subnet, gateway, ...rest } = asObject(bridge);
    return bridge === undefined
      ? { ...network, ipam: [] }
      : { ...network, ipam: [{ subnet, gateway }], bridge: rest };
  });
  const put = database.prepare("INSERT OR REPLACE INTO records (kind, key, value) VALUES (?, ?, ?)");
  change(database, "container", ({ endpoints, ports, ...container }) => {
    const { id } = container;
    if (typeof id !== "string") return container;
    const made = Object.values(asObject(endpoints)).map((settings, number) =>
      endpointOf(id, asObject(settings), number),
    );
    // The container's id served as its sandbox's too.
    for (const endpoint of made) put.run("endpoint", String(endpoint.id), JSON.stringify(endpoint));
    const sandbox = {
      id,
      owner: { kind: "container", id },
      gateway: made[0]?.id,
      endpoints: made.map((one) => one.id),
      ports,
    };
    if (made.length > 0) put.run("sandbox", id, JSON.stringify(sandbox));
    return container;
  });
}

/** Its link bears the container's id. */
function endpointOf(containerId: string, settings: Json, number: number): Json {
  const { IPAddress, IPPrefixLen, MacAddress, DNSNames, NetworkID, EndpointID } = settings;
  const { IPAMConfig, Links, Aliases, DriverOpts, GwPriority } = settings;
  return {
    id: EndpointID,
    networkId: NetworkID,
    sandboxId: containerId,
    interfaceName: IPAddress ? `eth${number}` : "",
    addresses: IPAddress ? [`${IPAddress}/${IPPrefixLen}`] : [],
    macAddress: MacAddress ?? "",
    linkAlias: containerId,
    names: DNSNames ?? [],
    settings: { IPAMConfig, Links, Aliases, DriverOpts, GwPriority },
  };
}

/** Schema 3 to 4: what a container is joined to is listed in full, the network of its mode too. */
export function listNetworks(database: DatabaseSync): void {
  change(database, "container", (container) => {
    const mode = asObject(container.hostConfig).NetworkMode;
    const given = asObject(container.endpointsConfig);
    if (typeof mode !== "string" || mode === "host" || mode.startsWith("container:"))
      return { ...container, endpointsConfig: {} };
    return { ...container, endpointsConfig: { [mode]: {}, ...given } };
  });
}

function change(database: DatabaseSync, kind: string, convert: (record: Json) => Json): void {
  const update = database.prepare("UPDATE records SET value = ? WHERE kind = ? AND key = ?");
  for (const { key, value } of database.prepare("SELECT key, value FROM records WHERE kind = ?").all(kind)) {
    const record = parse(String(value));
    if (record) update.run(JSON.stringify(convert(record)), kind, key ?? "");
  }
}

function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

const asObject = (value: unknown): Json =>
  typeof value === "object" && value !== null ? (value as Json) : {};
