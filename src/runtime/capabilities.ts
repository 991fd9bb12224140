import { readFileSync } from "node:fs";
import { invalid } from "../errors.ts";

/** capabilities(7), in the order of their numbers. */
export const allCapabilities = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"],
  ...[
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
  ],
  ...[
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
  ],
  ...[
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
  ],
  ...["MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"],
  ...["CHECKPOINT_RESTORE"],
].map((name) => `CAP_${name}`);

/** What Docker gives a container. */
const defaults = [
  ...[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
  ],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
].map((name) => `CAP_${name}`);

let bounding: Set<string> | undefined;

/** The capabilities this process may pass on. Inside another container or virtual machine some are missing. */
function boundingSet(): Set<string> {
  if (bounding) return bounding;
  const mask = BigInt(
    `0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0"}`,
  );
  bounding = new Set(allCapabilities.filter((_, number) => (mask >> BigInt(number)) & 1n));
  return bounding;
}

export interface CapabilityOptions {
  privileged: boolean;
  add: readonly string[];
  drop: readonly string[];
}

/**
 * The capabilities of a container by Docker's rules for --cap-add, --cap-drop and --privileged, less those that this host
 * itself does not have.
 * @throws EngineError invalid for an unknown name
 */
export function capabilitiesOf(options: CapabilityOptions): string[] {
  const add = options.add.map((name) => normalize("CapAdd", name));
  const drop = options.drop.map((name) => normalize("CapDrop", name));
  const wanted = () => {
    if (options.privileged) return allCapabilities;
    if (add.includes("ALL")) return allCapabilities.filter((name) => !drop.includes(name));
    if (drop.includes("ALL")) return add;
    return [...new Set([...defaults.filter((name) => !drop.includes(name)), ...add])];
  };
  return wanted().filter((name) => boundingSet().has(name));
}

function normalize(field: string, name: string): string {
  const upper = name.toUpperCase();
  if (upper === "ALL") return upper;
  const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!allCapabilities.includes(full)) throw invalid(`invalid ${field}: unknown capability: "${full}"`);
  return full;
}
