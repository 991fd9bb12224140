import type { IdMapping } from "../formats/id-mapping.ts";
import type { SpecInput } from "../runtime/spec.ts";

/** One of its own, the host's, or that of a process that runs. */
export type NamespaceChoice = "new" | "host" | { pid: number };

export interface Namespaces {
  /** A path for one that is held open and has no process yet. */
  network: NamespaceChoice | { path: string };
  pid: NamespaceChoice;
  ipc: NamespaceChoice;
  uts: NamespaceChoice;
  cgroup: "new" | "host";
}

/** A user namespace that is held open, or a process's. */
export interface UserNamespaceChoice {
  path: string;
  mapping: IdMapping;
}

/** As the specification has them. */
export function encodeNamespaces(namespaces: Namespaces): SpecInput["namespaces"] {
  return {
    network: encode(namespaces.network, "net"),
    pid: encode(namespaces.pid, "pid"),
    ipc: encode(namespaces.ipc, "ipc"),
    uts: encode(namespaces.uts, "uts"),
    cgroup: namespaces.cgroup,
  };
}

/** @param name the kernel's, in /proc */
function encode(choice: Namespaces["network"], name: string): string {
  if (typeof choice === "string") return choice;
  return "path" in choice ? choice.path : `/proc/${choice.pid}/ns/${name}`;
}
