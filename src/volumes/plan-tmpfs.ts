import { invalid } from "../errors.ts";
import { parseMountTarget } from "../formats/bind-spec.ts";
import { type PlannedMount, plain } from "./plan-mount.ts";

/** Options of `--tmpfs`: flags of mount(2), and what the kernel's tmpfs takes as NAME=VALUE. */
const flags = new Set([
  ...["rw", "ro", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync"],
  ...["mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime"],
  ...["strictatime", "nostrictatime", "private", "rprivate", "slave", "rslave", "shared", "rshared"],
]);
const data = ["mode", "size", "uid", "gid", "mpol", "nr_inodes", "nr_blocks"];

/** One entry of `HostConfig.Tmpfs`. @throws invalid */
export function planTmpfs([target, options]: [string, string]): PlannedMount {
  checkOptions(options);
  if (!target.startsWith("/")) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  return {
    ...plain,
    type: "tmpfs",
    destination: parseMountTarget(target, "tmpfs"),
    readOnly: options.split(",").includes("ro"),
    tmpfsOptions: options,
    isListed: false,
  };
}

function checkOptions(options: string): void {
  for (const option of options.split(",").filter(Boolean)) {
    const isPair = option.includes("=") && data.includes(option.split("=", 1)[0] ?? "");
    if (!isPair && !flags.has(option)) throw invalid(`invalid tmpfs option ${JSON.stringify([option])}`);
  }
}
