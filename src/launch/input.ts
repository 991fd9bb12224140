import type { Resources, Ulimit } from "../formats/docker-api/docker-api.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import type { DeviceEdits } from "../runtime/cdi/inject.ts";
import type { CgroupPlace } from "../runtime/cgroup-place.ts";
import type { Security } from "../runtime/security.ts";
import type { LogOptions, RuntimeCommand } from "../supervisor-protocol/protocol.ts";
import type { EtcFiles } from "./etc-files.ts";
import type { LaunchMount } from "./launch-mount.ts";
import type { Namespaces, UserNamespaceChoice } from "./namespaces.ts";

/** A process as it is asked for. Its user is looked up in the root file system's own files. */
export interface LaunchProcess {
  args: string[];
  /** `NAME=VALUE`, or `NAME` to leave one out; later ones win. */
  env: readonly string[];
  /** As `--user`; "" for root. */
  user: string;
  /** As `--group-add`: names or ids. */
  groups: string[];
  /** "" for the root. */
  workingDir: string;
  terminal: boolean;
  /** Rows and columns; 0 for what the terminal has by itself. */
  consoleSize: readonly [number, number];
  openStdin: boolean;
}

/** All that a process in a root file system of its own is made from. Nothing in it refers to a record of anything. */
export interface LaunchInput {
  /** What supervisor, runtime and files know it by: 64 hexadecimal digits. */
  id: string;
  runtime: RuntimeCommand;
  root: {
    /** Directories, topmost first. */
    lower: string[];
    /** The directory that takes the changes, and one beside it for the kernel. */
    upper: string;
    work: string;
    readOnly: boolean;
  };
  process: LaunchProcess & {
    /** Put below an init that collects orphans. */
    init: boolean;
    oomScoreAdj: number;
  };
  hostname: string;
  /** "" for none. */
  domainname: string;
  /** Beyond what every process gets. Of two at one place the first counts. */
  mounts: LaunchMount[];
  /** Undefined to leave them as they are in the root file system. */
  etcFiles: EtcFiles | undefined;
  /** Their owners are mapped with those of the root file system; else they are as the machine has them. */
  mapsEtcFiles?: boolean;
  namespaces: Namespaces;
  /** The host's own without. */
  userNamespace?: UserNamespaceChoice | undefined;
  /** Of its own /dev/shm, where its ipc namespace is new; undefined for none. */
  shmSizeBytes: number | undefined;
  cgroup: CgroupPlace;
  limits: Resources;
  security: Security;
  annotations: Record<string, string>;
  sysctls: Record<string, string>;
  devices: DeviceEdits;
  log: LogOptions;
}

/** One more process in what was launched. */
export interface ExecInput {
  id: string;
  /** The `id` it was launched by. */
  container: string;
  runtime: RuntimeCommand;
  /** Directories of the root file system, topmost first. */
  layers: string[];
  process: LaunchProcess;
  hostname: string;
  /** Of the user namespace that it runs in, where that is not the host's own. */
  mapping?: IdMapping | undefined;
  ulimits: readonly Ulimit[];
  security: Security;
  /** Name of an attached connection that may still be on its way. */
  client?: string;
}
