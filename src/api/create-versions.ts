import { invalid } from "../errors.ts";
import type {
  CreateBody,
  EndpointSettings,
  HostConfig,
  MountSpec,
} from "../formats/docker-api/docker-api.ts";
import { endpointShape } from "../formats/docker-api/docker-api-config.ts";
import { cgroupLayout } from "../sys/cgroup.ts";

/** What a request for a container means beside its body. */
export interface SettledCreate {
  /** Mounts below a read-only source stay as they are. */
  leavesBelow: boolean;
  warnings: string[];
}

/**
 * What clients of earlier versions may not ask for, by the version that brought it, is left out or refused, and what meant something
 * else then means it still.
 */
const rows: [before: number, settle: (body: CreateBody) => void][] = [
  [24, takeFormerPlaces],
  [43, ({ HostConfig }) => void delete HostConfig.Annotations],
  [44, ({ config }) => void delete config?.Healthcheck?.StartInterval],
  [44, refuseSeveralNetworks],
  [44, moveOwnAddress],
  [48, withoutPriorities],
];

const hostConfigRows: [before: number, change: (given: HostConfig) => Partial<HostConfig>][] = [
  [25, () => ({ AutoRemove: false })],
  [40, ({ IpcMode }) => ({ IpcMode: IpcMode || "shareable" })],
  [41, ({ CgroupnsMode }) => (cgroupLayout() === "v2" ? {} : { CgroupnsMode: CgroupnsMode || "host" })],
  [42, () => ({ ConsoleSize: [0, 0] })],
];

/**
 * @param version minor number: 44 for 1.44
 * @throws EngineError invalid, conflict in Docker's words
 */
export function settleCreateVersion(body: CreateBody, version: number): SettledCreate {
  for (const mount of body.HostConfig.Mounts ?? []) settleMount(mount, version);
  for (const [before, settle] of rows) if (version < before) settle(body);
  for (const [before, change] of hostConfigRows)
    if (version < before) Object.assign(body.HostConfig, change(body.HostConfig));
  const warnings = version < 44 ? [] : retireContainerAddress(body);
  return { leavesBelow: version < 44, warnings };
}

function settleMount({ Type, BindOptions, VolumeOptions }: MountSpec, version: number): void {
  if (version < 40 && BindOptions) delete BindOptions.NonRecursive;
  if (version < 42 && BindOptions) delete BindOptions.CreateMountpoint;
  if (version < 44 && BindOptions) {
    if (BindOptions.ReadOnlyForceRecursive)
      throw invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
    BindOptions.ReadOnlyNonRecursive = true;
  }
  if (version < 45 && VolumeOptions?.Subpath) throw invalid("VolumeOptions.Subpath needs API v1.45 or newer");
  if (version < 48 && Type === "image") throw invalid('Mount type "Image" needs API v1.48 or newer');
}

/** Limits stood beside the config's members before there was a host config, whose own count for more. */
function takeFormerPlaces({ HostConfig: hostConfig, former }: CreateBody): void {
  const { Cpuset, CpusetCpus, Memory, MemorySwap, CpuShares, VolumeDriver } = former;
  hostConfig.CpusetCpus ||= CpusetCpus || Cpuset;
  hostConfig.Memory ||= Memory;
  hostConfig.MemorySwap ||= MemorySwap;
  hostConfig.CpuShares ||= CpuShares;
  hostConfig.VolumeDriver ||= VolumeDriver;
}

const endpointsOf = ({ NetworkingConfig }: CreateBody) => (NetworkingConfig.EndpointsConfig ??= {});

function refuseSeveralNetworks(body: CreateBody): void {
  const names = Object.keys(endpointsOf(body));
  if (names.length > 1)
    throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(", ")}`);
}

/** The container had the address, not its endpoint. */
function moveOwnAddress(body: CreateBody): void {
  const address = body.config?.MacAddress;
  if (!address) {
    for (const endpoint of Object.values(endpointsOf(body))) endpoint.MacAddress = "";
    return;
  }
  if (!isJoined(body)) throw invalid("conflicting options: mac-address and the network mode");
  mainEndpointOf(body).MacAddress = address;
  delete body.config?.MacAddress;
}

/** The container's own address goes to the endpoint of its main network. */
function retireContainerAddress(body: CreateBody): string[] {
  const address = body.config?.MacAddress;
  if (!address) return [];
  if (isJoined(body)) {
    const endpoint = mainEndpointOf(body);
    if (endpoint.MacAddress && endpoint.MacAddress !== address)
      throw invalid(
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
      );
    endpoint.MacAddress = address;
  }
  delete body.config?.MacAddress;
  return [
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
  ];
}

/** Whether it is joined to a network with addresses. */
function isJoined({ HostConfig: { NetworkMode: mode } }: CreateBody): boolean {
  return mode !== "host" && mode !== "none" && !mode.startsWith("container:");
}

/** The one of the main network, which may be listed by another of its names. */
function mainEndpointOf(body: CreateBody): EndpointSettings {
  const endpoints = endpointsOf(body);
  const { NetworkMode: mode } = body.HostConfig;
  const names = ["", "default", "bridge"].includes(mode) ? ["default", "bridge"] : [mode];
  const name = names.find((one) => endpoints[one]) ?? Object.keys(endpoints)[0] ?? names.at(-1)!;
  endpoints[name] ??= endpointShape.zero();
  return endpoints[name];
}

function withoutPriorities(body: CreateBody): void {
  for (const endpoint of Object.values(endpointsOf(body))) endpoint.GwPriority = 0;
}
