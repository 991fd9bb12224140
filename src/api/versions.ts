import type { OpenEngine } from "../engine/engine.ts";
import type { ContainerInspect, ContainerSummary } from "../formats/docker-api/docker-api.ts";
import { without } from "./change-answer.ts";
import * as images from "./image-versions.ts";
import * as system from "./system-versions.ts";

/**
 * What answers looked like before a version of the API. Handlers make the newest; each row that a request is older than changes it
 * back, the newest row first.
 */
type Row = [operation: string, before: number, change: (body: never, engine: OpenEngine) => unknown];

const rows: Row[] = [
  ["GET /images/json", 51, images.uncounted],
  ["GET /images/*name/json", 50, images.withContainersConfig],
  ["GET /info", 50, system.withBridgeFilters],
  ["GET /info", 49, system.withoutFirewall],
  ["GET /images/*name/json", 48, images.withoutManifests],
  ["GET /images/json", 48, images.eachWithoutDescriptor],
  ["GET /containers/:id/json", 48, (one: ContainerInspect) => without(one, "ImageManifestDescriptor")],
  ["GET /containers/json", 48, (all: ContainerSummary[]) => all.map(system.withoutManifest)],
  ["GET /system/df", 48, system.diskUseWithoutManifests],
  ["GET /images/json", 47, images.eachWithoutManifests],
  ["GET /info", 47, system.withArtifactLists],
  ["GET /containers/json", 46, (all: ContainerSummary[]) => all.map(withoutAnnotations)],
  ["GET /containers/:id/json", 45, withShortAlias],
  ["GET /images/*name/json", 45, images.withContainer],
  ["GET /images/*name/json", 44, images.withVirtualSize],
  ["GET /images/json", 44, images.eachWithVirtualSize],
  ["GET /system/df", 44, system.diskUseWithVirtualSize],
  ["GET /images/json", 43, images.eachWithNone],
  ["GET /info", 42, system.withKernelMemory],
  ["GET /info", 25, system.withPlainSecurity],
];

/**
 * The version whose answers a client can read. docker-compose 1.29 asks for the newest one and then for an image's ContainerConfig,
 * which is gone since 1.45: against a current dockerd it fails when it makes a container again.
 */
export function readableVersion(version: number, userAgent = ""): number {
  return userAgent.startsWith("docker-compose/1.") ? Math.min(version, 44) : version;
}

/** @param operation "GET /images/json", as in the table of routes; @param version minor number of the request's */
export function asOfVersion(operation: string, version: number, body: unknown, engine: OpenEngine): unknown {
  const changes = rows.filter(([name, before]) => name === operation && version < before);
  return changes.reduce((current, [, , change]) => change(current as never, engine), body);
}

function withoutAnnotations(container: ContainerSummary): ContainerSummary {
  return { ...container, HostConfig: { NetworkMode: container.HostConfig.NetworkMode } };
}

/** The container's short id stood among its aliases, which is one of its names for DNS now. */
function withShortAlias(container: ContainerInspect): ContainerInspect {
  const { NetworkSettings: settings, HostConfig, Id } = container;
  if (["bridge", "default", "host", "none"].includes(HostConfig.NetworkMode)) return container;
  const networks = Object.entries(settings.Networks).map(([name, endpoint]) => [
    name,
    { ...endpoint, Aliases: [...(endpoint.Aliases ?? []), Id.slice(0, 12)] },
  ]);
  return { ...container, NetworkSettings: { ...settings, Networks: Object.fromEntries(networks) } };
}
