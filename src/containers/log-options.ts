import { join } from "node:path";
import { invalid, messageOf, notImplemented } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api.ts";
import { parseSize } from "../formats/units.ts";
import type { LogOptions } from "../supervisor/protocol.ts";
import type { Container } from "./container.ts";

const defaultSizeBytes = 20_000_000;
const defaultFiles = 5;

/** Where and how a container's output is logged; undefined for `--log-driver none`. @throws EngineError invalid */
export function logOptions(folder: string, { record }: Container): LogOptions | undefined {
  const { Type: type, Config: options } = record.hostConfig.LogConfig;
  if (type === "none") return undefined;
  return {
    path: join(folder, `${record.id}-json.log`),
    maxSizeBytes: parseLimit(options?.["max-size"]) ?? defaultSizeBytes,
    maxFiles: Number(options?.["max-file"] ?? defaultFiles),
  };
}

/** Further options of Docker's json-file driver. */
const notYet = ["compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "mode", "tag"];

/** @throws EngineError invalid, notImplemented */
export function checkLogConfig({ Type: type, Config: options }: HostConfig["LogConfig"]): void {
  for (const name of type === "json-file" ? Object.keys(options ?? {}) : []) {
    if (notYet.includes(name)) throw notImplemented(`not yet supported: --log-opt ${name}`);
    if (name === "max-size" || name === "max-file") continue;
    throw invalid(`unknown log opt '${name}' for json-file log driver`);
  }
}

/** "10m", "1g", "-1" for no limit. */
function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "-1") return Number.MAX_SAFE_INTEGER;
  try {
    return parseSize(text);
  } catch (error) {
    throw invalid(messageOf(error), error);
  }
}
