import type { ContainerConfig } from "./docker-api/docker-api.ts";

/**
 * A config with what another has where it says nothing: an image's for a new container, a container's for a commit. A command is
 * not passed to another entrypoint, and an entrypoint of one empty word is none.
 */
export function mergeConfig(config: ContainerConfig, base: Partial<ContainerConfig>): ContainerConfig {
  const stopTimeout = config.StopTimeout ?? base.StopTimeout;
  return {
    ...config,
    ...mergeCommand(config, base),
    User: config.User || (base.User ?? ""),
    WorkingDir: config.WorkingDir || (base.WorkingDir ?? ""),
    StopSignal: config.StopSignal || (base.StopSignal ?? ""),
    Env: mergeEnv(config.Env, base.Env),
    Labels: { ...base.Labels, ...config.Labels },
    Volumes: mergeMaps(config.Volumes, base.Volumes),
    ...mergePorts(config, base),
    ...(stopTimeout !== undefined && { StopTimeout: stopTimeout }),
    ...mergeHealth(config, base),
    ...((config.Shell ?? base.Shell) && { Shell: config.Shell ?? base.Shell ?? [] }),
  };
}

function mergeCommand(
  { Cmd, Entrypoint }: ContainerConfig,
  base: Partial<ContainerConfig>,
): Pick<ContainerConfig, "Cmd" | "Entrypoint"> {
  if (Entrypoint?.length) return { Cmd, Entrypoint: Entrypoint[0] === "" ? null : Entrypoint };
  return {
    Cmd: Cmd?.length ? Cmd : (base.Cmd ?? null),
    // An empty list takes the entrypoint away.
    Entrypoint: Entrypoint ? null : (base.Entrypoint ?? null),
  };
}

const nameOf = (variable: string) => variable.split("=", 1)[0];

function mergeEnv(env: string[] | null, base: string[] | null | undefined): string[] | null {
  if (!env?.length) return base ?? env;
  const names = new Set(env.map(nameOf));
  return [...env, ...(base ?? []).filter((one) => !names.has(nameOf(one)))];
}

function mergeMaps<T>(
  map: Record<string, T> | null | undefined,
  base: Record<string, T> | null | undefined,
): Record<string, T> | null {
  const merged = { ...base, ...map };
  return Object.keys(merged).length > 0 ? merged : null;
}

function mergePorts(
  { ExposedPorts: own }: ContainerConfig,
  { ExposedPorts: base }: Partial<ContainerConfig>,
): Pick<ContainerConfig, "ExposedPorts"> {
  const ports = mergeMaps(own, base);
  return ports ? { ExposedPorts: ports } : {};
}

/** What the user set of a health check counts, and the image's command with it. */
function mergeHealth(
  { Healthcheck: own }: ContainerConfig,
  { Healthcheck: base }: Partial<ContainerConfig>,
): Pick<ContainerConfig, "Healthcheck"> {
  if (!own && !base) return {};
  return { Healthcheck: { ...base, ...own } };
}
