import type { OciDeviceRule, OciMount } from "./oci-spec.ts";

/** Docker's masked and read-only paths, in its order. */
export const maskedPaths = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

export const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const defaultShmSizeBytes = 64 * 1024 * 1024;

const noDevNoExec = ["nosuid", "noexec", "nodev"];

export const defaultMounts: OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: noDevNoExec },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: [...noDevNoExec, "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", ...noDevNoExec] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: noDevNoExec },
];

/** Nothing but the devices every program expects, and making nodes, which alone gives no access. */
export const defaultDeviceRules: OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 1],
    [5, 2],
  ].map(
    ([major, minor]): OciDeviceRule => ({
      allow: true,
      type: "c",
      major: major!,
      minor: minor!,
      access: "rwm",
    }),
  ),
  { allow: true, type: "c", major: 136, access: "rwm" },
];
