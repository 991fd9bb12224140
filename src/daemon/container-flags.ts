import { readFileSync, statSync } from "node:fs";
import type { ContainerDefaults } from "../containers/containers.ts";
import { checkLogConfig } from "../containers/logs/drivers.ts";
import type { EngineConfig } from "../engine/config.ts";
import { hasCode, invalid, messageOf } from "../errors.ts";
import { parseUlimit } from "../formats/ulimit.ts";
import { parseSize } from "../formats/units.ts";
import type { CgroupDriver } from "../runtime/cgroup-place.ts";
import { parseProfile } from "../runtime/seccomp-profile.ts";

/** As `table` in flag-table.ts. Docker's keys for the lists are `default-ulimits` and `log-opts`, both of them objects. */
export const containerTable = [
  [
    "default-cgroupns-mode",
    "string",
    "",
    "Cgroup namespace of containers that say nothing of it: host or private",
  ],
  [
    "default-ipc-mode",
    "string",
    "private",
    "IPC namespace of containers that say nothing of it: private or shareable",
  ],
  ["default-shm-size", "string", "64m", "Size of /dev/shm of containers that ask for none"],
  ["default-ulimit", "list", "", "Ulimit of containers that have none of that name, as NAME=SOFT[:HARD]"],
  ["exec-opt", "list", "", "Option of containers' runs: native.cgroupdriver=cgroupfs or systemd"],
  ["init", "boolean", "", "Run an init in containers that do not say whether they want one"],
  ["log-driver", "string", "json-file", "Log driver of containers that ask for none"],
  ["log-opt", "list", "", "Option of that log driver, as NAME=VALUE"],
  [
    "no-new-privileges",
    "boolean",
    "",
    "Let no program of a container gain privileges, unless the container says otherwise",
  ],
  [
    "seccomp-profile",
    "string",
    "builtin",
    "Seccomp profile of containers that have none of their own: a file, builtin or unconfined",
  ],
] as const;

interface Given {
  list(name: string): string[];
  text(name: string): string | undefined;
}

/** @throws EngineError invalid, in the words with which a container would be refused */
export function readContainerDefaults({ list, text }: Given): ContainerDefaults {
  const options = list("log-opt").map((option): [string, string] => {
    const at = option.indexOf("=");
    if (at < 1) throw invalid(`invalid log-opt "${option}": use NAME=VALUE`);
    return [option.slice(0, at), option.slice(at + 1)];
  });
  const log = { Type: text("log-driver") || "json-file", Config: Object.fromEntries(options) };
  checkLogConfig(log);
  const size = text("default-shm-size");
  return {
    log,
    ulimits: list("default-ulimit").map(parseUlimit),
    init: text("init") === "true",
    ...(size !== undefined && { shmSizeBytes: parseSize(size) }),
    ...readModes(text),
    ...(text("no-new-privileges") === "true" && { noNewPrivileges: true }),
    ...readSeccomp(text("seccomp-profile")),
  };
}

/** A profile is code's size, and a device or a pipe is none. */
const mostProfileBytes = 4 << 20;

/** It is read and checked at once, so that no container's start is the first to find a fault. @throws EngineError invalid */
function readSeccomp(path = "builtin"): Pick<ContainerDefaults, "seccomp"> {
  if (path === "" || path === "builtin") return {};
  if (path === "unconfined") return { seccomp: { name: path, profile: path } };
  const profile = readProfile(path);
  parseProfile(profile);
  return { seccomp: { name: path, profile } };
}

function readProfile(path: string): string {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new Error("it is no plain file");
    if (status.size > mostProfileBytes) throw new Error("it is larger than 4 MiB");
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = hasCode(error, "ENOENT") ? `open ${path}: no such file or directory` : messageOf(error);
    throw invalid(`opening seccomp profile (${path}) failed: ${reason}`, error);
  }
}

/** @throws EngineError invalid in dockerd's words */
function readModes(text: Given["text"]): Pick<ContainerDefaults, "ipcMode" | "cgroupnsMode"> {
  const modes: Pick<ContainerDefaults, "ipcMode" | "cgroupnsMode"> = {};
  const [ipc, cgroupns] = [text("default-ipc-mode"), text("default-cgroupns-mode")];
  if (ipc === "private" || ipc === "shareable") modes.ipcMode = ipc;
  else if (ipc === "host" || ipc === "none")
    throw invalid(`IPC mode "${ipc}" is not supported as default value; use "shareable" or "private"`);
  else if (ipc) throw invalid(`default IPC mode setting (${ipc}) is invalid; use "shareable" or "private"`);
  if (cgroupns === "host" || cgroupns === "private") modes.cgroupnsMode = cgroupns;
  else if (cgroupns) throw invalid(`invalid default cgroup namespace (${cgroupns}): use "host" or "private"`);
  return modes;
}

/** Who makes the containers' cgroups, and below which. @throws EngineError invalid in dockerd's words */
export function readCgroups({
  list,
  text,
}: Given): Partial<Pick<EngineConfig, "cgroupDriver" | "cgroupParent">> {
  const cgroupDriver = readCgroupDriver(list);
  // Where the unit that runs the engine may make them without systemd.
  const unitParent = cgroupDriver === "systemd" ? undefined : process.env.BERTH_CGROUP_PARENT;
  const cgroupParent = text("cgroup-parent") ?? unitParent;
  return { ...(cgroupDriver && { cgroupDriver }), ...(cgroupParent !== undefined && { cgroupParent }) };
}

function readCgroupDriver(list: (name: string) => string[]): CgroupDriver | undefined {
  let driver: CgroupDriver | undefined;
  for (const option of list("exec-opt")) {
    const [name, value] = option.split(/=(.*)/s);
    if (value === undefined) throw invalid(`invalid exec-opt (${option}): must be formatted 'opt=value'`);
    if (name !== "native.cgroupdriver")
      throw invalid(`invalid exec-opt (${option}): unknown option: '${name}'`);
    if (value !== "cgroupfs" && value !== "systemd")
      throw invalid(`native.cgroupdriver option ${value} not supported`);
    driver = value;
  }
  return driver;
}
