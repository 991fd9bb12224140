import { invalid } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import type { ContainerConfig } from "./docker-api.ts";
import { isObject, parseJson } from "./json.ts";

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
  for (const field of ["variant", "created", "author", "comment", "docker_version", "container"]) {
    if (value[field] != null && typeof value[field] !== "string") {
      throw invalid(`invalid image config: ${field} is not a text`);
    }
  }
  if (!isObject(rootfs)) throw invalid("invalid image config: it has no rootfs");
  const diffIds = rootfs.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === "string" && isDigest(id))) {
    throw invalid("invalid image config: rootfs.diff_ids is not a list of sha256 digests");
  }
  const { config, history, ...rest } = value;
  if (history != null && !Array.isArray(history))
    throw invalid("invalid image config: history is not a list");
  return {
    ...rest,
    architecture: typeof architecture === "string" ? architecture : "",
    os: typeof os === "string" && os !== "" ? os : "linux",
    ...(config != null && { config: parseContainerConfig(config) }),
    ...(history != null && { history: history.map(parseHistoryEntry) }),
    rootfs: { type: "layers", diff_ids: diffIds as Digest[] },
  };
}

const textFields = ["User", "WorkingDir", "StopSignal", "Hostname", "Domainname", "Image"];
const listFields = ["Env", "Cmd", "Entrypoint", "OnBuild", "Shell"];
const recordFields = ["Labels", "Volumes", "ExposedPorts", "Healthcheck"];

/** Checks the fields that a container is made from; others stay as they are. */
function parseContainerConfig(value: unknown): Partial<ContainerConfig> {
  const wrong = (field: string) => invalid(`invalid image config: config.${field} has the wrong type`);
  if (!isObject(value)) throw invalid("invalid image config: config is not an object");
  const isSet = (field: string) => value[field] != null;
  const isText = (item: unknown) => typeof item === "string";
  const wrongText = textFields.find((field) => isSet(field) && !isText(value[field]));
  if (wrongText) throw wrong(wrongText);
  const isList = (item: unknown) => Array.isArray(item) && item.every(isText);
  const wrongList = listFields.find((field) => isSet(field) && !isList(value[field]));
  if (wrongList) throw wrong(wrongList);
  const wrongRecord = recordFields.find((field) => isSet(field) && !isObject(value[field]));
  if (wrongRecord) throw wrong(wrongRecord);
  if (isObject(value.Labels) && !Object.values(value.Labels).every(isText)) throw wrong("Labels");
  return value as Partial<ContainerConfig>;
}

function parseHistoryEntry(value: unknown): ImageHistoryEntry {
  if (!isObject(value)) throw invalid("invalid image config: a history entry is not an object");
  const entry: ImageHistoryEntry = { empty_layer: value.empty_layer === true };
  for (const field of ["created", "created_by", "author", "comment"] as const) {
    const text = value[field];
    if (typeof text === "string") entry[field] = text;
  }
  return entry;
}

/** This machine's architecture in the OCI's words (GOARCH). */
export function hostPlatform(): { os: string; architecture: string; variant?: string } {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386", arm64: "arm64" };
  return { os: "linux", architecture: names[process.arch] ?? process.arch };
}
