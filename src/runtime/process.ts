import type { Ulimit } from "../formats/docker-api/docker-api.ts";
import { defaultPath } from "./defaults.ts";
import type { OciProcess } from "./oci-spec.ts";

export interface User {
  uid: number;
  gid: number;
  additionalGids: number[];
  /** What HOME is where nothing else is said. */
  home: string;
}

/** A container's own process, or one that is executed in it. */
export interface ProcessInput {
  terminal: boolean;
  /** Rows and columns; 0 for what the terminal has by itself. */
  consoleSize: readonly [number, number];
  user: User;
  args: string[];
  /** `NAME=VALUE`, or `NAME` to leave one out; later ones win. */
  env: readonly string[];
  hostname: string;
  /** "" for the root. */
  workingDir: string;
  /** The bounding set. */
  capabilities: string[];
  ulimits: readonly Ulimit[];
  noNewPrivileges: boolean;
  apparmorProfile: string | undefined;
  oomScoreAdj: number;
}

/** The `process` of an OCI runtime specification (runtime-spec 1.0.2, config.md). */
export function buildProcess(input: ProcessInput): OciProcess {
  const [height, width] = input.consoleSize;
  const { uid, gid, additionalGids } = input.user;
  return {
    terminal: input.terminal,
    ...(input.terminal && height > 0 && width > 0 && { consoleSize: { height, width } }),
    user: { uid, gid, additionalGids },
    args: input.args,
    env: buildEnv(input),
    cwd: input.workingDir || "/",
    capabilities: capabilitySets(input.capabilities, uid),
    noNewPrivileges: input.noNewPrivileges,
    rlimits: input.ulimits.map(({ Name, Soft, Hard }) => {
      return { type: `RLIMIT_${Name.toUpperCase()}`, soft: Soft, hard: Hard };
    }),
    ...(input.oomScoreAdj !== 0 && { oomScoreAdj: input.oomScoreAdj }),
    ...(input.apparmorProfile && { apparmorProfile: input.apparmorProfile }),
  };
}

/** A process that is not root's gets none in effect, as after execve(2). */
function capabilitySets(capabilities: string[], uid: number): OciProcess["capabilities"] {
  const inEffect = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: inEffect, permitted: inEffect, inheritable: [], ambient: [] };
}

/** PATH, HOSTNAME and TERM first, so that what the image or the user sets wins. HOME is the user's unless it is set to something. */
function buildEnv({ env, hostname, terminal, user }: ProcessInput): string[] {
  const variables = new Map<string, string>();
  const base = [defaultPath, `HOSTNAME=${hostname}`, ...(terminal ? ["TERM=xterm"] : [])];
  for (const variable of [...base, ...env]) {
    const end = variable.indexOf("=");
    if (end < 0) variables.delete(variable);
    else variables.set(variable.slice(0, end), variable);
  }
  if ((variables.get("HOME") ?? "HOME=") === "HOME=") variables.set("HOME", `HOME=${user.home}`);
  return [...variables.values()];
}
