import type { HostConfig, Ulimit } from "../../formats/docker-api/docker-api.ts";
import { defaultShmSizeBytes } from "../../runtime/defaults.ts";
import type { ContainerDefaults } from "../containers.ts";

/** What the daemon's configuration says for containers that say nothing. */
export function fillContainerDefaults(hostConfig: HostConfig, defaults: ContainerDefaults): void {
  hostConfig.ShmSize ||= defaults.shmSizeBytes ?? defaultShmSizeBytes;
  hostConfig.LogConfig = mergeLog(hostConfig.LogConfig, defaults.log);
  const ulimits = mergeUlimits(hostConfig.Ulimits ?? [], defaults.ulimits);
  if (hostConfig.Ulimits || ulimits.length > 0) hostConfig.Ulimits = ulimits;
  if (defaults.init) hostConfig.Init ??= true;
}

/** As in Docker, the default driver's options hold for a container that names that driver, too. */
function mergeLog({ Type, Config }: HostConfig["LogConfig"], defaults: ContainerDefaults["log"]) {
  const isDefault = Type === "" || Type === defaults.Type;
  return { Type: Type || defaults.Type, Config: { ...(isDefault && defaults.Config), ...Config } };
}

/** Of several for one resource the last counts. */
function mergeUlimits(given: readonly Ulimit[], defaults: readonly Ulimit[]): Ulimit[] {
  return [...new Map([...defaults, ...given].map((ulimit) => [ulimit.Name.toLowerCase(), ulimit])).values()];
}
