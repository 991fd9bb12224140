import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { invalid, notFound } from "../errors.ts";
import { completeConfig, completeHostConfig } from "../formats/container-config.ts";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  EndpointSettings,
  HostConfig,
} from "../formats/docker-api.ts";
import { timestamp } from "../formats/timestamp.ts";
import type { ImageRecord } from "../images/images.ts";
import { defaultShmSizeBytes, maskedPaths, readonlyPaths } from "../runtime/defaults.ts";
import { discardUnsupported } from "../runtime/resources.ts";
import { cgroupLayout } from "../sys/cgroup.ts";
import { checkRequest } from "./check-request.ts";
import { Container, type ContainerRecord, initialState } from "./container.ts";
import {
  type Containers,
  claimName,
  findContainer,
  folderOf,
  newId,
  publish,
  register,
} from "./containers.ts";
import { removeAnonymousVolumes } from "./discard.ts";
import { anonymousVolumes, resolveContainerMounts } from "./mounts.ts";
import { sharesHostname } from "./namespaces.ts";

export interface CreateResult {
  id: string;
  warnings: string[];
}

/**
 * Makes a container from an image and a client's wishes (Docker Engine API, `POST /containers/create`).
 * @throws EngineError notFound without the image, conflict for a taken name, invalid or notImplemented for the rest
 */
export async function createContainer(
  containers: Containers,
  request: ContainerCreateRequest,
  wantedName: string | undefined,
  platform = "",
): Promise<CreateResult> {
  const { HostConfig: givenHostConfig, NetworkingConfig: networking, ...givenConfig } = request;
  const config = completeConfig(givenConfig);
  const hostConfig = completeHostConfig(givenHostConfig ?? {});
  const endpointsConfig = listEndpoints(networking?.EndpointsConfig ?? {});
  if (Object.keys(givenConfig).length === 0) {
    throw invalid("config cannot be empty in order to create a container");
  }
  const image = containers.images.getImage(config.Image);
  checkPlatform(config.Image, image, platform);
  const id = newId();
  mergeImage(config, image);
  fillDefaults(containers, hostConfig);
  checkRequest(containers, config, hostConfig, endpointsConfig);
  config.Hostname ||= sharesHostname(hostConfig) ? hostname() : id.slice(0, 12);
  const warnings = [...discardUnsupported(hostConfig), ...warningsFor(hostConfig)];
  const name = claimName(containers, wantedName, id);
  const record: ContainerRecord = {
    id,
    name,
    created: timestamp(),
    args: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    imageId: image.id,
    config,
    hostConfig,
    state: { ...initialState },
    startTicks: 0,
    bootId: "",
    restartCount: 0,
    stoppedByUser: false,
    mounts: [],
    endpointsConfig,
    endpoints: {},
    ports: {},
  };
  const container = new Container(record);
  register(containers, container);
  try {
    record.mounts = await resolveContainerMounts(containers, container);
    makeFolder(containers, id, image);
    containers.images.hold(image.id, id);
    containers.records.put(id, record);
    containers.volumes.claim(anonymousVolumes(container));
  } catch (error) {
    await discard(containers, container);
    throw error;
  }
  publish(containers, container, "create");
  return { id, warnings };
}

/** @param wanted "os/architecture[/variant]", or "" for any */
function checkPlatform(name: string, { config }: ImageRecord, wanted: string): void {
  if (wanted === "") return;
  const [os, architecture, variant] = wanted.split("/");
  const fits = os === config.os && (architecture ?? config.architecture) === config.architecture;
  if (fits && (variant === undefined || config.variant === undefined || variant === config.variant)) return;
  throw notFound(
    `image with reference ${name} was found but its platform (${config.os}/${config.architecture}) does not match the specified platform (${wanted})`,
  );
}

async function discard(containers: Containers, container: Container): Promise<void> {
  const { id, name } = container.record;
  containers.byId.delete(id);
  containers.byName.delete(name);
  containers.images.release(id);
  rmSync(folderOf(containers, id), { recursive: true, force: true });
  await removeAnonymousVolumes(containers, container);
}

/** The image's config where the client said nothing, as `docker run` documents. */
function mergeImage(config: ContainerConfig, image: ImageRecord): void {
  const base = image.config.config ?? {};
  if (!config.Entrypoint?.length) {
    const cleared = config.Entrypoint?.length === 0 || config.Entrypoint?.[0] === "";
    if (!config.Cmd?.length && !cleared) config.Cmd = base.Cmd ?? null;
    config.Entrypoint = cleared ? null : (base.Entrypoint ?? null);
  } else if (config.Entrypoint.length === 1 && config.Entrypoint[0] === "") {
    config.Entrypoint = null;
  }
  const names = new Set((config.Env ?? []).map((variable) => variable.split("=", 1)[0]));
  const inherited = (base.Env ?? []).filter((one) => !names.has(one.split("=", 1)[0]));
  if (config.Env?.length || base.Env) config.Env = [...(config.Env ?? []), ...inherited];
  config.Labels = { ...base.Labels, ...config.Labels };
  config.User ||= base.User ?? "";
  config.WorkingDir ||= base.WorkingDir ?? "";
  const volumes = { ...base.Volumes, ...config.Volumes };
  config.Volumes = Object.keys(volumes).length > 0 ? volumes : null;
  if (base.ExposedPorts || config.ExposedPorts) {
    config.ExposedPorts = { ...base.ExposedPorts, ...config.ExposedPorts };
  }
  config.StopSignal ||= base.StopSignal ?? "";
  if (config.StopTimeout === undefined && base.StopTimeout !== undefined)
    config.StopTimeout = base.StopTimeout;
  if (base.Shell && !config.Shell) config.Shell = base.Shell;
}

function fillDefaults(containers: Containers, hostConfig: HostConfig): void {
  if (hostConfig.NetworkMode === "" || hostConfig.NetworkMode === "default")
    hostConfig.NetworkMode = "bridge";
  pinContainerModes(containers, hostConfig);
  hostConfig.Runtime ||= containers.settings.defaultRuntime;
  hostConfig.ShmSize ||= defaultShmSizeBytes;
  hostConfig.IpcMode ||= "private";
  hostConfig.CgroupnsMode ||= cgroupLayout() === "v2" ? "private" : "host";
  hostConfig.LogConfig = {
    Type: hostConfig.LogConfig.Type || "json-file",
    Config: hostConfig.LogConfig.Config ?? {},
  };
  hostConfig.RestartPolicy = { Name: "no", MaximumRetryCount: 0, ...withoutEmpty(hostConfig.RestartPolicy) };
  if (hostConfig.Memory > 0 && hostConfig.MemorySwap === 0) hostConfig.MemorySwap = hostConfig.Memory * 2;
  if (!hostConfig.Privileged) {
    hostConfig.MaskedPaths ??= maskedPaths;
    hostConfig.ReadonlyPaths ??= readonlyPaths;
  }
}

function withoutEmpty(policy: HostConfig["RestartPolicy"]): Partial<HostConfig["RestartPolicy"]> {
  return policy.Name ? policy : {};
}

/**
 * "container:web" becomes "container:<id>", which a rename does not change. One that is not there is for the start to tell:
 * the answer "not found" makes Docker's client pull the image.
 */
function pinContainerModes(containers: Containers, hostConfig: HostConfig): void {
  for (const key of ["NetworkMode", "PidMode", "IpcMode"] as const) {
    const mode = hostConfig[key];
    if (!mode.startsWith("container:")) continue;
    const other = findContainer(containers, mode.slice("container:".length));
    if (other) hostConfig[key] = `container:${other.record.id}`;
  }
}

function listEndpoints(given: Record<string, EndpointSettings | null>): Record<string, EndpointSettings> {
  return Object.fromEntries(Object.entries(given).map(([name, endpoint]) => [name, endpoint ?? {}]));
}

/** The overlay's top must have the mode and owner of the image's root, which is what the container will see as "/". */
function makeFolder(containers: Containers, id: string, image: ImageRecord): void {
  const folder = folderOf(containers, id);
  mkdirSync(join(folder, "upper"), { recursive: true, mode: 0o755 });
  mkdirSync(join(folder, "work"), { mode: 0o700 });
  chmodSync(folder, 0o710);
  const top = containers.images.lowerDirectories(image)[0];
  if (top) chmodSync(join(folder, "upper"), statSync(top).mode & 0o7777);
}

function warningsFor(hostConfig: HostConfig): string[] {
  const warnings: string[] = [];
  const published = Object.keys(hostConfig.PortBindings ?? {}).length > 0;
  if (published && hostConfig.NetworkMode === "host") {
    warnings.push("Published ports are discarded when using host network mode");
  }
  if (hostConfig.OomKillDisable && hostConfig.Memory === 0) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  return warnings;
}
