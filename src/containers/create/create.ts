import { hostname } from "node:os";
import { invalid, notFound } from "../../errors.ts";
import type { ContainerConfig, CreateBody, HostConfig } from "../../formats/docker-api/docker-api.ts";
import type { ImageConfig } from "../../formats/image-config.ts";
import { mergeConfig } from "../../formats/merge-config.ts";
import { findModeContainer } from "../../formats/namespace-mode.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { isSamePlatform, parsePlatform } from "../../formats/platform.ts";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import { timestamp } from "../../formats/timestamp.ts";
import type { ImageRecord } from "../../images/images.ts";
import {
  mainManifest,
  type PresentManifest,
  platformOf,
  presentManifests,
} from "../../images/select-manifest.ts";
import { makeWritable } from "../../images/writable.ts";
import { checkLayerOwners } from "../../launch/layer-owners.ts";
import { maskedPaths, readonlyPaths } from "../../runtime/defaults.ts";
import { discardUnsupported } from "../../runtime/resources.ts";
import { abortable } from "../../sys/abortable.ts";
import { cgroupLayout } from "../../sys/cgroup.ts";
import { openMergedRoot } from "../../trees/merged.ts";
import { Container, type ContainerRecord, initialState } from "../container.ts";
import { addToIndexes } from "../container-index.ts";
import {
  type Containers,
  claimName,
  findContainer,
  folderOf,
  newId,
  publish,
  register,
} from "../containers.ts";
import { holdMountedImages } from "../image-mounts.ts";
import { settleLinks } from "../links.ts";
import { anonymousVolumes, resolveContainerMounts } from "../mounts.ts";
import { fillVolumes } from "../prepare-mounts.ts";
import { filesOf, rootLayers } from "../rootfs.ts";
import { limitSize } from "../size-limit.ts";
import { mappingFor } from "../user-namespace.ts";
import { checkNetworkMode, checkRequest } from "./check-request.ts";
import { fillContainerDefaults } from "./defaults.ts";
import { settleEndpoints } from "./endpoints.ts";
import { makeInitLayer } from "./init-layer.ts";
import { makeReserved } from "./reserved.ts";

export interface CreateResult {
  id: string;
  warnings: string[];
}

export interface CreateOptions {
  /** "os/architecture[/variant]", or "" for any. */
  platform?: string;
  /** The client is older than read-only mounts that are so all the way down. */
  leavesBelow?: boolean;
  /** The client has gone: sources that do not answer are no longer waited for. */
  signal?: AbortSignal;
}

/**
 * Makes a container from an image and a client's wishes (Docker Engine API, `POST /containers/create`).
 * @throws EngineError notFound without the image, conflict for a taken name, invalid or notImplemented for the rest
 */
export function createContainer(
  containers: Containers,
  request: CreateBody,
  wantedName: string | undefined,
  options: CreateOptions = {},
): Promise<CreateResult> {
  const work = () => makeContainer(containers, request, wantedName, options);
  return containers.metrics.containerActions.time("create", work);
}

async function makeContainer(
  containers: Containers,
  request: CreateBody,
  wantedName: string | undefined,
  { platform = "", ...options }: CreateOptions,
): Promise<CreateResult> {
  const { HostConfig: hostConfig } = request;
  const wanted = platform ? parsePlatform(platform) : undefined;
  if (!request.config) throw invalid("config cannot be empty in order to create a container");
  if (request.config.Image === "") throw invalid("no command specified");
  checkNetworkMode(request.config, hostConfig);
  const image = containers.images.getImage(request.config.Image);
  const manifest = wanted
    ? getManifestFor(request.config.Image, image, wanted, platform)
    : mainManifest(image);
  const id = newId();
  const config = mergeImage(request.config, manifest.content.config);
  fillDefaults(containers, hostConfig, wantedName);
  checkRequest(containers, config, hostConfig, request.NetworkingConfig.EndpointsConfig ?? {});
  if (hostConfig.NetworkMode === "bridge" && !containers.networks.hasDefaultBridge)
    config.NetworkDisabled = true;
  config.Hostname ||= hostConfig.NetworkMode === "host" ? hostname() : id.slice(0, 12);
  const warnings = [...discardUnsupported(hostConfig), ...warningsFor(hostConfig)];
  const endpointsConfig = settleEndpoints(
    containers.networks,
    hostConfig.NetworkMode,
    request.NetworkingConfig.EndpointsConfig ?? {},
  );
  const links = settleLinks(containers, hostConfig, endpointsConfig);
  const record: ContainerRecord = {
    id,
    name: claimName(containers, wantedName, id),
    created: timestamp(),
    args: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    imageId: image.id,
    manifest: { ...manifest.descriptor, platform: platformOf(manifest) },
    config,
    hostConfig,
    state: { ...initialState },
    startTicks: 0,
    bootId: "",
    restartCount: 0,
    stoppedByUser: false,
    mounts: [],
    links,
    endpointsConfig,
  };
  const container = new Container(record);
  await makeReserved(containers, container, options.signal, async (layers) => {
    await settleMounts(containers, container, options);
    await makeFiles(containers, container, image, manifest);
    layers.use = fillVolumes(containers, container, options.signal);
    await abortable(layers.use, options.signal);
    containers.records.put(id, record);
    register(containers, container);
    containers.volumes.claim(anonymousVolumes(container));
  });
  publish(containers, container, "create");
  return { id, warnings };
}

/** The volumes are kept until the indexes say that this container has them. */
async function settleMounts(
  containers: Containers,
  container: Container,
  options: CreateOptions,
): Promise<void> {
  const { mounts, volumes } = await resolveContainerMounts(containers, container, options);
  container.record.mounts = mounts;
  addToIndexes(containers, container);
  volumes.free();
}

/** What it has of its own on the disk, on layers that stay as long as it does. */
async function makeFiles(
  containers: Containers,
  container: Container,
  image: ImageRecord,
  manifest: PresentManifest,
): Promise<void> {
  const { record } = container;
  const { id, hostConfig } = record;
  const layers = containers.images.lowerDirectories(image, manifest);
  limitSize(containers, hostConfig, makeWritable(folderOf(containers, id), layers[0]));
  record.initLayer = makeInitLayer(containers.settings.root, layers);
  containers.images.hold(image.id, id, manifest);
  holdMountedImages(containers, record);
  const mapping = mappingFor(containers, hostConfig);
  if (mapping) await checkLayerOwners(mapping, layers);
  await makeWorkingDirectory(containers, container);
}

/** Now, so that it can be copied to before the first start. One of the image's own costs no mount. */
async function makeWorkingDirectory(containers: Containers, container: Container): Promise<void> {
  const { WorkingDir: path } = container.record.config;
  if (path === "" || path === "/") return;
  const root = openMergedRoot(rootLayers(containers, container));
  try {
    if (root.findKind(bytesOfText(path)) === "directory") return;
  } finally {
    root.close();
  }
  await containers.archives.makeDirectory({ ...filesOf(containers, container), readOnlyRootfs: false }, path);
}

/** Strictly that platform: an image that merely runs on it too does not count. @throws EngineError notFound */
function getManifestFor(name: string, image: ImageRecord, wanted: Platform, asked: string): PresentManifest {
  const isFit = ({ os, architecture, variant }: Platform) =>
    wanted.os === os &&
    wanted.architecture === architecture &&
    (!wanted.variant || !variant || wanted.variant === variant);
  const present = presentManifests(image);
  const fitting = present.filter((manifest) => isFit(platformOf(manifest)));
  const found = fitting.find((manifest) => isSamePlatform(platformOf(manifest), wanted)) ?? fitting[0];
  if (found) return found;
  const { os, architecture } = platformOf(mainManifest(image));
  throw notFound(
    image.manifests.length === 1
      ? `image with reference ${name} was found but its platform (${os}/${architecture}) does not match the specified platform (${asked})`
      : `image with reference ${name} was found but does not provide the specified platform (${asked})`,
  );
}

function mergeImage(config: ContainerConfig, image: ImageConfig): ContainerConfig {
  return mergeConfig(config, image.config ?? {});
}

function fillDefaults(containers: Containers, hostConfig: HostConfig, wantedName: string | undefined): void {
  if (hostConfig.NetworkMode === "" || hostConfig.NetworkMode === "default")
    hostConfig.NetworkMode = "bridge";
  pinContainerModes(containers, hostConfig, wantedName);
  hostConfig.Runtime ||= containers.settings.defaultRuntime;
  fillContainerDefaults(hostConfig, containers.settings.containerDefaults);
  const { ipcMode = "private", cgroupnsMode } = containers.settings.containerDefaults;
  hostConfig.IpcMode ||= ipcMode;
  hostConfig.CgroupnsMode ||= cgroupnsMode ?? (cgroupLayout() === "v2" ? "private" : "host");
  hostConfig.SecurityOpt = withoutLabels(hostConfig);
  hostConfig.RestartPolicy.Name ||= "no";
  if (cgroupLayout() !== "v2") hostConfig.OomKillDisable ??= false;
  if (hostConfig.PidsLimit !== null && hostConfig.PidsLimit <= 0) hostConfig.PidsLimit = null;
  if (hostConfig.Memory > 0 && hostConfig.MemorySwap === 0) hostConfig.MemorySwap = hostConfig.Memory * 2;
  if (!hostConfig.Privileged) {
    hostConfig.MaskedPaths ??= maskedPaths;
    hostConfig.ReadonlyPaths ??= readonlyPaths;
  }
}

/** As Docker notes it, with SELinux or without: what a container shares with the host no label can keep from it. */
function withoutLabels({ SecurityOpt, Privileged, IpcMode, PidMode }: HostConfig): string[] | null {
  const isShared = Privileged || IpcMode === "host" || PidMode === "host";
  if (!isShared || SecurityOpt?.some((option) => /^label([=:]|$)/.test(option))) return SecurityOpt;
  return [...(SecurityOpt ?? []), "label=disable"];
}

const ownNamespaces = {
  NetworkMode: "network namespace",
  PidMode: "PID namespace",
  IpcMode: "IPC namespace",
};

/**
 * "container:web" becomes "container:<id>", which a rename does not change. One that is not there is for the start to tell:
 * the answer "not found" makes Docker's client pull the image.
 */
function pinContainerModes(
  containers: Containers,
  hostConfig: HostConfig,
  wantedName: string | undefined,
): void {
  for (const key of ["NetworkMode", "PidMode", "IpcMode"] as const) {
    const mode = hostConfig[key];
    const name = findModeContainer(mode);
    if (name === undefined) continue;
    if (name !== "" && name === wantedName) throw invalid(`cannot join own ${ownNamespaces[key]}`);
    const other = findContainer(containers, name);
    if (other) hostConfig[key] = `container:${other.record.id}`;
  }
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
