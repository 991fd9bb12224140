import type { ContainerSummary } from "../formats/docker-api/docker-api.ts";
import type { InfoResponse } from "../formats/docker-api/docker-api-system.ts";
import type { DiskUse } from "../system/df.ts";
import { describeBridgeFilters } from "../system/info.ts";
import { eachOf, without } from "./change-answer.ts";
import { withoutDescriptor, withVirtualSize } from "./image-versions.ts";

/* What the engine said of itself in earlier versions of the API. */

/** Clients warned where bridges were not filtered. */
export function withBridgeFilters(info: InfoResponse): object {
  return { ...without(info, "DiscoveredDevices"), ...describeBridgeFilters() };
}

export const withoutFirewall = (info: InfoResponse) => without(info, "FirewallBackend");

export function withArtifactLists(info: InfoResponse): object {
  const none = { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null };
  return { ...info, RegistryConfig: { ...none, ...info.RegistryConfig } };
}

export const withKernelMemory = (info: InfoResponse) => ({ ...info, KernelMemory: info.MemoryLimit });

/** "name=seccomp,profile=builtin" was "seccomp". */
export function withPlainSecurity(info: InfoResponse): InfoResponse {
  const plain = info.SecurityOptions?.map((option) => option.replace(/^name=/, "").replace(/,.*$/, ""));
  return { ...info, SecurityOptions: plain ?? null };
}

export const withoutManifest = (container: ContainerSummary) => without(container, "ImageManifestDescriptor");

export function diskUseWithoutManifests(use: DiskUse): DiskUse {
  return {
    ...use,
    Images: eachOf(use.Images, withoutDescriptor),
    Containers: eachOf(use.Containers, withoutManifest),
  };
}

export function diskUseWithVirtualSize(use: DiskUse): DiskUse {
  return { ...use, Images: eachOf(use.Images, withVirtualSize) };
}
