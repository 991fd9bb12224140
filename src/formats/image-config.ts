import { EngineError, invalid } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { type ContainerConfig, configShape } from "./docker-api/docker-api-config.ts";
import { parseJson } from "./json.ts";
import {
  decode,
  flag,
  list,
  omitEmpty,
  optional,
  partial,
  type Shape,
  struct,
  text,
  textOf,
} from "./shape.ts";

const historyShape = struct("History", {
  created: omitEmpty(textOf(64)),
  created_by: omitEmpty(text),
  author: omitEmpty(text),
  comment: omitEmpty(text),
  empty_layer: omitEmpty(flag),
});

/** More than the kernel can stack by far; some builders leave a step without a layer for each line. */
const most = { layers: 1000, steps: 10_000 };

const shape = struct("Image", {
  architecture: textOf(64),
  os: textOf(64),
  variant: omitEmpty(textOf(64)),
  "os.version": omitEmpty(textOf(255)),
  created: omitEmpty(textOf(64)),
  author: omitEmpty(text),
  comment: omitEmpty(text),
  docker_version: omitEmpty(textOf(255)),
  container: omitEmpty(textOf(255)),
  config: optional(partial(configShape)),
  rootfs: optional(struct("RootFS", { type: textOf(64), diff_ids: list(textOf(255), most.layers) })),
  history: optional(list(historyShape, most.steps)),
});

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

/** As many layers as fit into the options of one overlay mount. */
export const layerLimit = 127;

/** Members it does not know are left out. */
export const imageConfigShape: Shape<ImageConfig> = {
  ...shape,
  read(value, path) {
    const read = shape.read(value, path);
    const { rootfs, os } = read;
    if (!rootfs) throw invalid("it has no rootfs");
    const diffIds = rootfs.diff_ids ?? [];
    if (!diffIds.every(isDigest)) throw invalid("rootfs.diff_ids is not a list of sha256 digests");
    if (os && rootfs.type === "layers" && rootfs.diff_ids) return read as ImageConfig;
    return { ...read, os: os || "linux", rootfs: { type: "layers", diff_ids: diffIds } };
  },
  zero: () => {
    throw invalid("it has no rootfs");
  },
};

/** @throws invalid when the text is not an image config that can be used */
export function parseImageConfig(text: string): ImageConfig {
  const value = parseJson(text, "image config");
  try {
    return decode(imageConfigShape, value);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`invalid image config: ${error.message}`, error);
  }
}

/** This machine's architecture in the OCI's words (GOARCH). */
export function hostPlatform(): { os: string; architecture: string; variant?: string } {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386", arm64: "arm64" };
  return { os: "linux", architecture: names[process.arch] ?? process.arch };
}
