import type { Resources } from "../formats/docker-api/docker-api.ts";
import type { IdMapping, IdRange } from "../formats/id-mapping.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { DeviceEdits } from "./cdi/inject.ts";
import { defaultDeviceRules, defaultMounts } from "./defaults.ts";
import { bindDevice, hostDevices, parseDeviceRule, resolveDevices } from "./devices.ts";
import type { OciDevice, OciIdMapping, OciMount, OciResources, OciSpec } from "./oci-spec.ts";
import { buildProcess, type ProcessInput, type User } from "./process.ts";
import { encodeResources } from "./resources.ts";
import type { Security } from "./security.ts";

/** Everything a config.json is made from. Nothing here is looked up: the same input gives the same specification. */
export interface SpecInput {
  process: Pick<ProcessInput, "terminal" | "consoleSize" | "args" | "env" | "workingDir" | "oomScoreAdj"> & {
    /** Put below an init, which is mounted where Docker's is. */
    init: boolean;
  };
  user: User;
  hostname: string;
  /** "" for none. */
  domainname: string;
  root: OciSpec["root"];
  cgroupsPath: string;
  /** Beyond the default ones; they win where both have one destination. */
  mounts: OciMount[];
  /** "host" shares the host's; "new" makes one; a path joins it. */
  namespaces: { network: string; pid: string; ipc: string; uts: string; cgroup: string };
  /** The user namespace that it joins; undefined for the host's. */
  userNamespace?: { path: string; mapping: IdMapping } | undefined;
  limits: Resources;
  security: Security;
  /** As the runtime wants it, from `seccomp.ts`; undefined for unconfined. */
  seccomp: (capabilities: string[]) => object | undefined;
  annotations: Record<string, string>;
  sysctls: Record<string, string>;
  devices: DeviceEdits;
}

/** Builds the OCI runtime specification of a container (opencontainers/runtime-spec 1.0.2, config.md and config-linux.md). */
export function buildSpec(input: SpecInput): OciSpec {
  const { namespaces, userNamespace, security, limits, devices } = input;
  const { init, args, ...process } = input.process;
  const capabilities = capabilitiesOf({ privileged: security.privileged, ...security.capabilities });
  const custom = resolveDevices(limits.Devices ?? []);
  const seccomp = input.seccomp(capabilities);
  return {
    ociVersion: "1.0.2",
    process: buildProcess({
      ...process,
      env: [...process.env, ...devices.env],
      user: {
        ...input.user,
        additionalGids: [...new Set([...input.user.additionalGids, ...devices.additionalGids])],
      },
      args: init ? ["/sbin/docker-init", "--", ...args] : args,
      hostname: input.hostname,
      capabilities,
      ulimits: limits.Ulimits ?? [],
      noNewPrivileges: security.noNewPrivileges,
      apparmorProfile: security.apparmorProfile,
    }),
    root: input.root,
    // A namespace that is joined has a host name already.
    ...(namespaces.uts === "new" && {
      hostname: input.hostname,
      ...(input.domainname && { domainname: input.domainname }),
    }),
    // Whose processes may make no devices.
    mounts: [...buildMounts(input), ...(userNamespace ? deviceMounts(custom.mounts, devices) : [])],
    annotations: input.annotations,
    ...(Object.keys(devices.hooks).length > 0 && { hooks: devices.hooks }),
    linux: {
      ...buildNamespaces(namespaces, userNamespace),
      cgroupsPath: input.cgroupsPath,
      resources: {
        ...encodeResources(limits),
        devices: security.privileged
          ? [{ allow: true, access: "rwm" }]
          : [
              ...defaultDeviceRules,
              ...custom.rules,
              ...devices.rules,
              ...(limits.DeviceCgroupRules ?? []).map(parseDeviceRule),
            ],
      } satisfies OciResources,
      devices: userNamespace
        ? []
        : withNodes([...(security.privileged ? hostDevices() : []), ...custom.nodes], devices.nodes),
      maskedPaths: [...security.maskedPaths],
      readonlyPaths: [...security.readonlyPaths],
      sysctl: { ...defaultSysctls(namespaces.network, userNamespace?.mapping), ...input.sysctls },
      ...(seccomp && { seccomp }),
      rootfsPropagation: propagationOf(input.mounts),
      ...(devices.intelRdt && { intelRdt: devices.intelRdt }),
    },
  };
}

/** Devices as the host has them; those of CDI win. */
function deviceMounts(mounts: OciMount[], { nodes, nodeSources }: DeviceEdits): OciMount[] {
  const taken = new Set(nodes.map(({ path }) => path));
  return [
    ...mounts.filter(({ destination }) => !taken.has(destination)),
    ...nodes.map(({ path }) => bindDevice(nodeSources?.get(path) ?? path, path)),
  ];
}

function withNodes(nodes: OciDevice[], added: OciDevice[]): OciDevice[] {
  const taken = new Set(added.map(({ path }) => path));
  return [...nodes.filter(({ path }) => !taken.has(path)), ...added];
}

function buildMounts({ security, mounts, namespaces }: SpecInput): OciMount[] {
  const taken = new Set(mounts.map(({ destination }) => destination));
  const base = defaultMounts
    .filter(({ destination }) => !taken.has(destination))
    .filter(({ destination }) => !(destination === "/dev/mqueue" && namespaces.ipc === "host"))
    .map((mount) => (security.privileged ? withoutReadOnly(mount) : mount))
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

function buildNamespaces(
  namespaces: SpecInput["namespaces"],
  userNamespace: SpecInput["userNamespace"],
): Pick<OciSpec["linux"], "namespaces" | "uidMappings" | "gidMappings"> {
  const entries = Object.entries(namespaces).filter(([, how]) => how !== "host");
  return {
    namespaces: [
      { type: "mount" },
      ...entries.map(([type, how]) => (how === "new" ? { type } : { type, path: how })),
      ...(userNamespace ? [{ type: "user", path: hideProcess(userNamespace.path) }] : []),
    ],
    ...(userNamespace && {
      uidMappings: userNamespace.mapping.uids.map(encodeRange),
      gidMappings: userNamespace.mapping.gids.map(encodeRange),
    }),
  };
}

/**
 * runc reads how a namespace maps ids in /proc/PID/uid_map when its path is /proc/PID/ns/user, and since 1.1.13 takes /proc/PID/fd/N
 * for one as well: it then finds the engine's own map instead. Where it sees no number it enters the namespace and reads the map there.
 */
function hideProcess(path: string): string {
  return path.replace(/^\/proc\//, "/proc/./");
}

/** As Docker: ping without privileges and low ports for all, where the network namespace is the container's own. */
function defaultSysctls(network: string, mapping: IdMapping | undefined): Record<string, string> {
  if (network === "host") return {};
  // The kernel takes no group that the user namespace does not have.
  const lastGroup = mapping
    ? Math.min(
        mostGroup,
        mapping.gids.reduce((sum, { size }) => sum + size, -1),
      )
    : mostGroup;
  return {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": `0 ${lastGroup}`,
  };
}

const mostGroup = 2_147_483_647;

function encodeRange({ inside, outside, size }: IdRange): OciIdMapping {
  return { containerID: inside, hostID: outside, size };
}

/**
 * What the runtime does to the mounts that it finds, before it makes the container's: those of the host below a shared source must stay
 * shared, and nothing but the root is touched. It sees the others as slaves of the host's (`inPrivateMounts`).
 */
function propagationOf(mounts: OciMount[]): string {
  const options = mounts.filter(({ type }) => type === "bind").flatMap((mount) => mount.options);
  if (options.some((option) => option === "shared" || option === "rshared")) return "private";
  return options.some((option) => option === "slave" || option === "rslave") ? "rslave" : "rprivate";
}
