import { internal, invalid } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { doesContain, parseIpAddress, parseSubnet } from "../formats/ip-address.ts";
import { formatOwnName } from "../launch/etc-files.ts";
import { changeHostsFile, replaceContent } from "../launch/live-files.ts";
import { formatResolvConf } from "../launch/resolv-conf.ts";
import type { NetworkRecord } from "../networks/networks.ts";
import type { Container } from "./container.ts";
import { type Containers, save } from "./containers.ts";
import { wishesOf } from "./create/endpoints.ts";
import { addressesIn, describeResolvConf, etcFilesOf } from "./etc-files.ts";
import { hasOwnSandbox, runningOwner } from "./sandbox.ts";

/**
 * Joins a container to a network: at once when it runs, else from its next start on. A network that is not there may still be made
 * before that.
 * @throws EngineError notFound, forbidden, invalid, conflict, notImplemented, in Docker's words
 */
export function connectContainer(
  containers: Containers,
  container: Container,
  name: string,
  settings: EndpointSettings,
): Promise<void> {
  return container.enqueue(async () => {
    const { record } = container;
    checkChangeable(container);
    const isRunning = record.state.Pid > 0;
    const network = isRunning ? containers.networks.getNetwork(name) : containers.networks.findNetwork(name);
    checkModes(container, network);
    const wishes = wishesOf(settings);
    const key = network ? keyOf(containers, container, network) : name;
    // As in Docker, what is asked of a network that a container will join anyway is not looked at.
    if (!isRunning && Object.hasOwn(record.endpointsConfig, key)) return;
    containers.networks.checkEndpoints({ [network?.name ?? name]: wishes });
    // The daemon may have been killed before it could note what it had done.
    const isUnnoted = !Object.hasOwn(record.endpointsConfig, key) && isJoined(containers, container, network);
    if (isRunning && network && !isUnnoted) {
      const before = addressesOf(containers, container);
      const hadResolver = containers.networks.view(record.id)?.hasResolver;
      await containers.networks.connect(runningOwner(container), network.id, wishes);
      await followAddresses(containers, container, before);
      if (!hadResolver) await followResolver(containers, container);
    }
    // A client's name of a network that is not there can be any, also "__proto__".
    const entry = { [key]: { ...wishes, NetworkID: network?.id ?? "" } };
    record.endpointsConfig = { ...record.endpointsConfig, ...entry };
    save(containers, container);
  });
}

/** The inverse. @throws EngineError notFound, invalid; internal when it is not on that network */
export function disconnectContainer(
  containers: Containers,
  container: Container,
  name: string,
): Promise<void> {
  return container.enqueue(async () => {
    const { record } = container;
    checkChangeable(container);
    const network = containers.networks.findNetwork(name);
    if (network?.driver === "host" && record.hostConfig.NetworkMode === "host")
      throw invalid(
        "cannot disconnect container from host network - container was created in host network mode",
      );
    const key = network ? keyOf(containers, container, network) : name;
    const isRunning = record.state.Pid > 0;
    const isThere = isJoined(containers, container, network);
    // Docker says so of any name while the container does not run.
    if (!network && isRunning && !Object.hasOwn(record.endpointsConfig, key))
      containers.networks.getNetwork(name);
    if (!Object.hasOwn(record.endpointsConfig, key) && !isThere)
      throw internal(
        `container ${record.id} is not connected to ${isRunning ? "" : "the "}network ${network?.name ?? name}`,
      );
    const forget = () => forgetNetwork(containers, container, key);
    if (!isThere || !network) {
      forget();
      // The daemon may have been killed before it could take them out.
      if (isRunning && network) await forgetAddressesIn(containers, container, network);
      return;
    }
    const before = addressesOf(containers, container);
    try {
      await containers.networks.disconnect(runningOwner(container), network.id);
    } catch (error) {
      // It may have left the network before the failure.
      if (containers.networks.view(record.id) && !isJoined(containers, container, network)) {
        forget();
        await followAddresses(containers, container, before).catch((next: unknown) => {
          containers.logger.warn({ error: next, container: record.id }, "an /etc/hosts has an address left");
        });
      }
      throw error;
    }
    forget();
    await followAddresses(containers, container, before);
  });
}

/** Completes what a killed daemon had begun as the container joined or left a network. */
export function settleNetworks(containers: Containers, container: Container): Promise<void> {
  return container.enqueue(async () => {
    if (container.record.state.Pid === 0) return;
    const left = await containers.networks.settle(runningOwner(container));
    // Nor does it join them at its next start.
    for (const { network } of left)
      forgetNetwork(containers, container, keyOf(containers, container, network));
    const lost = left.flatMap(({ addresses }) => addresses);
    await followAddresses(containers, container, [...addressesOf(containers, container), ...lost]);
  });
}

function forgetNetwork(containers: Containers, container: Container, key: string): void {
  delete container.record.endpointsConfig[key];
  save(containers, container);
}

function checkChangeable({ record, isMarkedForRemoval }: Container): void {
  if (isMarkedForRemoval)
    throw internal(
      `Container ${record.id} is marked for removal and cannot be connected or disconnected to the network`,
    );
}

/** @throws invalid */
function checkModes({ record }: Container, network: NetworkRecord | undefined): void {
  if (network?.driver === "host" && record.hostConfig.NetworkMode !== "host")
    throw invalid(
      "cannot connect container to host network - container must be created in host network mode",
    );
  if (!hasOwnSandbox(record))
    throw invalid(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  const isAlone = Object.hasOwn(record.endpointsConfig, "none");
  if ((network?.driver === "null") !== isAlone && Object.keys(record.endpointsConfig).length > 0)
    throw invalid(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
}

/** What the container's record calls a network. */
function keyOf({ networks }: Containers, { record }: Container, network: NetworkRecord): string {
  const isMeant = ([key, settings]: [string, EndpointSettings]) =>
    networks.findNetwork(settings.NetworkID || key)?.id === network.id;
  return Object.entries(record.endpointsConfig).find(isMeant)?.[0] ?? network.name;
}

function isJoined(
  { networks }: Containers,
  { record }: Container,
  network: NetworkRecord | undefined,
): boolean {
  const { endpoints = {} } = (record.state.Pid > 0 && networks.view(record.id)) || {};
  return Object.values(endpoints).some(({ NetworkID }) => NetworkID === network?.id);
}

function addressesOf({ networks }: Containers, { record }: Container): string[] {
  const { endpoints = {} } = networks.view(record.id) ?? {};
  return Object.values(endpoints).flatMap(addressesIn);
}

/** One that has got a resolver asks it from now on, unless it has made its /etc/resolv.conf its own. */
async function followResolver(containers: Containers, { record }: Container): Promise<void> {
  const sandbox = containers.networks.view(record.id);
  if (!sandbox?.hasResolver) return;
  const { resolvConf } = etcFilesOf(containers, record.id);
  const made = formatResolvConf(describeResolvConf(containers, record, { ...sandbox, hasResolver: false }));
  await replaceContent(resolvConf, made, formatResolvConf(describeResolvConf(containers, record, sandbox)));
}

/** Its own name leads to all addresses that it has now. */
async function followAddresses(
  containers: Containers,
  container: Container,
  before: string[],
): Promise<void> {
  const { id } = container.record;
  const after = addressesOf(containers, container);
  const lines = (addresses: string[]) => addresses.map((address) => formatOwnNameOf(container, address));
  const gone = lines(before.filter((address) => !after.includes(address)));
  await changeHostsFile(
    etcFilesOf(containers, id).hosts,
    (line) => gone.includes(line),
    lines(after.filter((address) => !before.includes(address))),
  );
}

/** Its own name leads to no address of a network that it is not on. */
async function forgetAddressesIn(
  containers: Containers,
  container: Container,
  { ipam }: NetworkRecord,
): Promise<void> {
  const present = addressesOf(containers, container);
  const subnets = ipam.flatMap(({ subnet }) => parseSubnet(subnet) ?? []);
  await changeHostsFile(
    etcFilesOf(containers, container.record.id).hosts,
    (line) => {
      const [text = ""] = line.split("\t");
      if (present.includes(text) || line !== formatOwnNameOf(container, text)) return false;
      const address = parseIpAddress(text);
      return address !== undefined && subnets.some((subnet) => doesContain(subnet, address));
    },
    [],
  );
}

function formatOwnNameOf({ record: { config } }: Container, address: string): string {
  return formatOwnName(address, { hostname: config.Hostname, domainname: config.Domainname });
}
