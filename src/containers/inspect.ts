import { join } from "node:path";
import type {
  ContainerInspect,
  EndpointSettings,
  NetworkSettings,
} from "../formats/docker-api/docker-api.ts";
import { configShape } from "../formats/docker-api/docker-api-config.ts";
import { decode } from "../formats/shape.ts";
import { describeDescriptor } from "../images/describe-manifests.ts";
import { resolveAppArmorProfile } from "../runtime/apparmor.ts";
import { readOom } from "../sys/cgroup.ts";
import type { Container, ContainerRecord } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";
import { etcFilesOf } from "./etc-files.ts";
import { execIdsOf } from "./exec/exec.ts";
import { describeLinks } from "./links.ts";
import { shownLogPath } from "./logs/drivers.ts";
import { mountPoints } from "./mounts.ts";
import { lowerLayers, upperOf, workOf } from "./rootfs.ts";
import { cgroupOf } from "./runtime-files.ts";
import { sandboxOf } from "./sandbox.ts";

/** The answer to `GET /containers/{id}/json`. */
export function inspectContainer(containers: Containers, container: Container): ContainerInspect {
  const { record } = container;
  const { id, config, hostConfig } = record;
  const files = etcFilesOf(containers, id);
  const [path = "", ...args] = record.args;
  const execIds = execIdsOf(containers, container);
  return {
    Id: id,
    Created: record.created,
    Path: path,
    Args: args,
    State: { ...record.state, OOMKilled: wasKilledForMemory(containers, container) },
    Image: record.imageId,
    ResolvConfPath: files.resolvConf,
    HostnamePath: files.hostname,
    HostsPath: files.hosts,
    LogPath: shownLogPath(folderOf(containers, id), record),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    ...(record.manifest && { ImageManifestDescriptor: describeDescriptor(record.manifest) }),
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: resolveAppArmorProfile(hostConfig) ?? "",
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: { ...hostConfig, Links: describeLinks(containers, record) },
    GraphDriver: {
      Name: "overlay2",
      Data: {
        ID: id,
        LowerDir: containers.images.findImage(record.imageId)
          ? lowerLayers(containers, container).join(":")
          : "",
        MergedDir: join(folderOf(containers, id), "merged"),
        UpperDir: upperOf(containers, id),
        WorkDir: workOf(containers, id),
      },
    },
    Mounts: mountPoints(record.mounts),
    Config: { ...decode(configShape, config), ...addressOf(record) },
    NetworkSettings: networkSettings(containers, container),
  };
}

/** Its address on its main network stands in its config too. */
function addressOf({ config, hostConfig, endpointsConfig }: ContainerRecord): { MacAddress?: string } {
  const address = endpointsConfig[hostConfig.NetworkMode]?.MacAddress || config.MacAddress;
  return address ? { MacAddress: address } : {};
}

/** Of one that runs, the kernel knows: one process may have been killed, and not the container's first. */
function wasKilledForMemory(containers: Containers, container: Container): boolean {
  const { state } = container.record;
  return state.OOMKilled || (state.Pid > 0 && (readOom(cgroupOf(containers, container))?.kills ?? 0) > 0);
}

/** Of one that does not run the networks that it will be joined to, without addresses. */
export function endpointsOf(containers: Containers, container: Container): Record<string, EndpointSettings> {
  const { config, hostConfig, endpointsConfig } = container.record;
  const sandbox = sandboxOf(containers, container);
  // As Docker shows one that it joins to nothing of what it has asked for.
  if (sandbox && config.NetworkDisabled)
    return { ...describeEndpoints(containers, endpointsConfig), ...sandbox.endpoints };
  if (sandbox) return sandbox.endpoints;
  return describeEndpoints(containers, hostConfig.NetworkMode === "host" ? { host: {} } : endpointsConfig);
}

/** Of one that is not open. */
function describeEndpoints(
  { networks }: Containers,
  wanted: Record<string, EndpointSettings>,
): Record<string, EndpointSettings> {
  const described = Object.entries(wanted).map(([key, settings]): [string, EndpointSettings] => {
    const network = networks.findNetwork(settings.NetworkID || key);
    return [network?.name ?? key, { ...emptyEndpoint, ...settings, NetworkID: network?.id ?? "" }];
  });
  const [[name, settings] = [], another] = described;
  // Most have one, and of ten thousand a literal is made and turned into JSON in a fraction of the time.
  return name !== undefined && settings && !another ? { [name]: settings } : Object.fromEntries(described);
}

const emptyEndpoint: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  MacAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

function networkSettings(containers: Containers, container: Container): NetworkSettings {
  const { record } = container;
  const { state } = record;
  const networks = endpointsOf(containers, container);
  const bridge = networks.bridge ?? emptyEndpoint;
  const sandbox = sandboxOf(containers, container);
  const isRunning = state.Running && state.Pid > 0;
  return {
    Bridge: "",
    SandboxID: isRunning ? (sandbox?.id ?? record.id) : "",
    SandboxKey: isRunning ? `/proc/${state.Pid}/ns/net` : "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    Ports: sandbox?.ports ?? {},
    EndpointID: bridge.EndpointID ?? "",
    Gateway: bridge.Gateway ?? "",
    GlobalIPv6Address: bridge.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge.IPAddress ?? "",
    IPPrefixLen: bridge.IPPrefixLen ?? 0,
    IPv6Gateway: bridge.IPv6Gateway ?? "",
    MacAddress: bridge.MacAddress ?? "",
    Networks: networks,
  };
}
