import type { ContainerConfig, HostConfig } from "../formats/docker-api.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { defaultDeviceRules, defaultMounts, defaultPath, maskedPaths, readonlyPaths } from "./defaults.ts";
import { hostDevices, parseDeviceRule, resolveDevices } from "./devices.ts";
import type { OciMount, OciProcess, OciResources, OciSpec } from "./oci-spec.ts";
import { encodeResources } from "./resources.ts";
import type { SecurityOptions } from "./security-options.ts";

export interface User {
  uid: number;
  gid: number;
  additionalGids: number[];
}

/** Everything a config.json is made from. Nothing here is looked up: the same input gives the same specification. */
export interface SpecInput {
  config: ContainerConfig;
  hostConfig: HostConfig;
  hostname: string;
  rootfs: string;
  cgroupsPath: string;
  args: string[];
  user: User;
  /** Beyond the default ones; they win where both have one destination. */
  mounts: OciMount[];
  /** "host" shares the host's; "new" makes one; a path joins it. */
  namespaces: { network: string; pid: string; ipc: string; uts: string; cgroup: string };
  security: SecurityOptions;
  apparmorProfile: string | undefined;
  /** As the runtime wants it, from `seccomp.ts`; undefined for unconfined. */
  seccomp: ((capabilities: string[]) => object) | undefined;
}

/** Builds the OCI runtime specification of a container (opencontainers/runtime-spec 1.0.2, config.md and config-linux.md). */
export function buildSpec(input: SpecInput): OciSpec {
  const { config, hostConfig, namespaces, security } = input;
  const capabilities = capabilitiesOf({
    privileged: hostConfig.Privileged,
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
  });
  const custom = resolveDevices(hostConfig.Devices ?? []);
  const seccomp = input.seccomp?.(capabilities);
  return {
    ociVersion: "1.0.2",
    process: buildProcess(input, capabilities),
    root: { path: input.rootfs, readonly: hostConfig.ReadonlyRootfs },
    // A namespace that is joined has a host name already.
    ...(namespaces.uts === "new" && {
      hostname: input.hostname,
      ...(config.Domainname && { domainname: config.Domainname }),
    }),
    mounts: buildMounts(input),
    annotations: hostConfig.Annotations ?? {},
    linux: {
      namespaces: buildNamespaces(namespaces),
      cgroupsPath: input.cgroupsPath,
      resources: {
        ...encodeResources(hostConfig),
        devices: hostConfig.Privileged
          ? [{ allow: true, access: "rwm" }]
          : [
              ...defaultDeviceRules,
              ...custom.rules,
              ...(hostConfig.DeviceCgroupRules ?? []).map(parseDeviceRule),
            ],
      } satisfies OciResources,
      devices: [...(hostConfig.Privileged ? hostDevices() : []), ...custom.nodes],
      maskedPaths:
        hostConfig.Privileged || security.systemPathsUnconfined
          ? []
          : (hostConfig.MaskedPaths ?? maskedPaths),
      readonlyPaths:
        hostConfig.Privileged || security.systemPathsUnconfined
          ? []
          : (hostConfig.ReadonlyPaths ?? readonlyPaths),
      sysctl: { ...defaultSysctls(namespaces.network), ...hostConfig.Sysctls },
      ...(seccomp && { seccomp }),
      rootfsPropagation: propagationOf(input.mounts),
    },
  };
}

function buildProcess(input: SpecInput, capabilities: string[]): OciProcess {
  const { config, hostConfig, security } = input;
  const [height, width] = hostConfig.ConsoleSize;
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 && { consoleSize: { height, width } }),
    user: input.user,
    args: hostConfig.Init ? ["/sbin/docker-init", "--", ...input.args] : input.args,
    env: buildEnv(config, input.hostname),
    cwd: config.WorkingDir || "/",
    capabilities: capabilitySets(capabilities, input.user.uid),
    noNewPrivileges: security.noNewPrivileges,
    rlimits: (hostConfig.Ulimits ?? []).map(({ Name, Soft, Hard }) => {
      return { type: `RLIMIT_${Name.toUpperCase()}`, soft: Soft, hard: Hard };
    }),
    ...(hostConfig.OomScoreAdj !== 0 && { oomScoreAdj: hostConfig.OomScoreAdj }),
    ...(input.apparmorProfile && { apparmorProfile: input.apparmorProfile }),
  };
}

/** A process that is not root's gets none in effect, as after execve(2). */
export function capabilitySets(capabilities: string[], uid: number): OciProcess["capabilities"] {
  const inEffect = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: inEffect, permitted: inEffect, inheritable: [], ambient: [] };
}

/** PATH, HOSTNAME and TERM first, so that what the image or the user sets wins. A variable without "=" is unset. */
export function buildEnv(config: Pick<ContainerConfig, "Env" | "Tty">, hostname: string): string[] {
  const variables = new Map<string, string>();
  const base = [defaultPath, `HOSTNAME=${hostname}`, ...(config.Tty ? ["TERM=xterm"] : [])];
  for (const variable of [...base, ...(config.Env ?? [])]) {
    const end = variable.indexOf("=");
    if (end < 0) variables.delete(variable);
    else variables.set(variable.slice(0, end), variable);
  }
  return [...variables.values()];
}

function buildMounts({ hostConfig, mounts, namespaces }: SpecInput): OciMount[] {
  const taken = new Set(mounts.map(({ destination }) => destination));
  const base = defaultMounts
    .filter(({ destination }) => !taken.has(destination))
    .filter(({ destination }) => !(destination === "/dev/mqueue" && namespaces.ipc === "host"))
    .map((mount) => (hostConfig.Privileged ? withoutReadOnly(mount) : mount))
    .map((mount) => (mount.destination === "/sys" && namespaces.network === "host" ? bindSys(mount) : mount));
  return [...base, ...mounts];
}

function withoutReadOnly(mount: OciMount): OciMount {
  return { ...mount, options: mount.options.filter((option) => option !== "ro") };
}

/** A new sysfs shows the network namespace of its mounter, so one that shares the host's is bound instead. */
function bindSys(mount: OciMount): OciMount {
  return { ...mount, type: "bind", source: "/sys", options: ["rbind", ...mount.options] };
}

function buildNamespaces(namespaces: SpecInput["namespaces"]): { type: string; path?: string }[] {
  const entries = Object.entries(namespaces).filter(([, how]) => how !== "host");
  return [
    { type: "mount" },
    ...entries.map(([type, how]) => (how === "new" ? { type } : { type, path: how })),
  ];
}

/** As Docker: ping without privileges and low ports for all, where the network namespace is the container's own. */
function defaultSysctls(network: string): Record<string, string> {
  if (network === "host") return {};
  return { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" };
}

function propagationOf(mounts: OciMount[]): string {
  const options = mounts.flatMap((mount) => mount.options);
  if (options.some((option) => option === "shared" || option === "rshared")) return "rshared";
  return options.some((option) => option === "slave" || option === "rslave") ? "rslave" : "rprivate";
}
