import { join } from "node:path";
import { encodeConfig } from "../formats/container-config.ts";
import { formatStatus } from "../formats/container-status.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  EndpointSettings,
  NetworkSettings,
  PortSummary,
} from "../formats/docker-api.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { resolveAppArmorProfile } from "../runtime/apparmor.ts";
import { wasOomKilled } from "../sys/cgroup.ts";
import { upperSizeBytes } from "./archive.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";
import { etcFilesOf } from "./etc-files.ts";
import { execIdsOf } from "./exec.ts";
import { mountPoints } from "./mounts.ts";
import { lowerLayers, upperOf, workOf } from "./rootfs.ts";
import { cgroupOf } from "./runtime-files.ts";

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
    LogPath: hostConfig.LogConfig.Type === "none" ? "" : logPathOf(containers, id),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: resolveAppArmorProfile(hostConfig) ?? "",
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: hostConfig,
    GraphDriver: {
      Name: "overlay2",
      Data: {
        LowerDir: containers.images.findImage(record.imageId)
          ? lowerLayers(containers, container).join(":")
          : "",
        MergedDir: join(folderOf(containers, id), "merged"),
        UpperDir: upperOf(containers, id),
        WorkDir: workOf(containers, id),
      },
    },
    Mounts: mountPoints(record.mounts),
    Config: encodeConfig(config),
    NetworkSettings: networkSettings(containers, container),
  };
}

/** Of one that runs, the kernel knows: one process may have been killed, and not the container's first. */
function wasKilledForMemory(containers: Containers, container: Container): boolean {
  const { state } = container.record;
  return state.OOMKilled || (state.Pid > 0 && wasOomKilled(cgroupOf(containers, container)));
}

export function logPathOf(containers: Containers, id: string): string {
  return join(folderOf(containers, id), `${id}-json.log`);
}

/** What one that does not run is joined to: the network it asked for, without addresses. */
function endpointsOf(containers: Containers, container: Container): Record<string, EndpointSettings> {
  const { hostConfig, endpoints, endpointsConfig, state } = container.record;
  if (state.Running && Object.keys(endpoints).length > 0) return endpoints;
  const mode = hostConfig.NetworkMode;
  if (mode.startsWith("container:")) return {};
  const network = containers.networks.findNetwork(mode);
  const name = network?.name ?? mode;
  return { [name]: { ...emptyEndpoint, ...endpointsConfig[mode], NetworkID: network?.id ?? "" } };
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
  const running = state.Running && state.Pid > 0;
  return {
    Bridge: "",
    SandboxID: running ? record.id : "",
    SandboxKey: running ? `/proc/${state.Pid}/ns/net` : "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    Ports: running ? record.ports : {},
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

/** One item of `GET /containers/json`. */
export function summarizeContainer(
  containers: Containers,
  container: Container,
  nowMilliseconds: number,
): ContainerSummary {
  const { record } = container;
  const { hostConfig, config, state } = record;
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageName(containers, container),
    ImageID: record.imageId,
    Command: record.args.map(quoteWord).join(" "),
    Created: Math.floor((parseTimestamp(record.created) ?? 0) / 1000),
    Ports: listPorts(container),
    Labels: config.Labels ?? {},
    State: state.Status,
    Status: formatStatus(state, nowMilliseconds),
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode,
      ...(hostConfig.Annotations && { Annotations: hostConfig.Annotations }),
    },
    NetworkSettings: { Networks: endpointsOf(containers, container) },
    Mounts: mountPoints(record.mounts),
  };
}

/** A name that has been given to another image since says nothing about this container. */
function imageName(containers: Containers, { record }: Container): string {
  const current = containers.images.findImage(record.config.Image);
  return current?.id === record.imageId ? record.config.Image : record.imageId;
}

function quoteWord(word: string): string {
  return /^[^\s'"\\]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function listPorts({ record }: Container): PortSummary[] {
  if (!record.state.Running) return [];
  return Object.entries(record.ports).flatMap(([port, bindings]): PortSummary[] => {
    const [number = "", Type = "tcp"] = port.split("/");
    const PrivatePort = Number(number);
    if (!bindings?.length) return [{ PrivatePort, Type }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort,
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}

/** SizeRw and SizeRootFs, in bytes. */
export async function sizesOf(containers: Containers, container: Container) {
  const image = containers.images.findImage(container.record.imageId);
  const SizeRw = await upperSizeBytes({
    lower: [],
    upper: upperOf(containers, container.record.id),
    work: "",
    mounts: [],
  });
  return { SizeRw, SizeRootFs: SizeRw + (image?.sizeBytes ?? 0) };
}
