import { EngineError, invalid, messageOf } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import type { ContainerConfig } from "./docker-api.ts";

/** An image's config blob (OCI image spec, config.md, with the fields Docker adds). */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant?: string;
  "os.version"?: string;
  /** RFC 3339. */
  created?: string;
  author?: string;
  comment?: string;
  docker_version?: string;
  container?: string;
  config?: Partial<ContainerConfig>;
  rootfs: { type: "layers"; diff_ids: Digest[] };
  history?: ImageHistoryEntry[];
}

export interface ImageHistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** @throws invalid when the text is not an image config that can be used. */
export function parseImageConfig(text: string): ImageConfig {
  const value = parseJson(text, "image config");
  const { architecture, os, rootfs } = value;
  if (!isObject(rootfs)) throw invalid("invalid image config: it has no rootfs");
  const diffIds = rootfs.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === "string" && isDigest(id))) {
    throw invalid("invalid image config: rootfs.diff_ids is not a list of sha256 digests");
  }
  for (const field of ["config", "history"] as const) {
    if (value[field] != null && typeof value[field] !== "object") {
      throw invalid(`invalid image config: ${field} is not an object`);
    }
  }
  const { config, history, ...rest } = value;
  return {
    ...rest,
    architecture: typeof architecture === "string" ? architecture : "",
    os: typeof os === "string" && os !== "" ? os : "linux",
    ...(isObject(config) && { config: config as Partial<ContainerConfig> }),
    ...(Array.isArray(history) && { history: history.filter(isObject) as ImageHistoryEntry[] }),
    rootfs: { type: "layers", diff_ids: diffIds as Digest[] },
  };
}

/** @throws invalid, naming `what`, when the text is not a JSON object. */
export function parseJson(text: string, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    throw invalid(`invalid ${what}: not a JSON object`);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw invalid(`invalid ${what}: ${messageOf(error)}`, error);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** This machine's architecture in the OCI's words (GOARCH). */
export function hostPlatform(): { os: string; architecture: string; variant?: string } {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386", arm64: "arm64" };
  return { os: "linux", architecture: names[process.arch] ?? process.arch };
}
