import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { resolveAppArmorProfile } from "./apparmor.ts";
import { maskedPaths, readonlyPaths } from "./defaults.ts";
import { parseSecurityOptions } from "./security-options.ts";

/** What a process may do. */
export interface Security {
  /** All devices and capabilities, nothing masked. */
  privileged: boolean;
  /** Beyond and without Docker's default ones. */
  capabilities: { add: readonly string[]; drop: readonly string[] };
  noNewPrivileges: boolean;
  /** "default", "unconfined" or a profile in Docker's JSON. */
  seccomp: string;
  /** Undefined where the kernel has no AppArmor. */
  apparmorProfile: string | undefined;
  maskedPaths: readonly string[];
  readonlyPaths: readonly string[];
}

/** For containers that say nothing of it. */
export interface SecurityDefaults {
  noNewPrivileges?: boolean;
  seccomp?: SeccompDefault;
}

/** A seccomp profile, by the name that `info` shows. */
export interface SeccompDefault {
  /** "unconfined", or the file that it was read from. */
  name: string;
  /** "unconfined", or the profile in Docker's JSON. */
  profile: string;
}

/** What Docker's settings of a container come to on this machine. @throws EngineError invalid */
export function securityOf(
  hostConfig: HostConfig,
  { noNewPrivileges = false, seccomp }: SecurityDefaults = {},
): Security {
  const { Privileged: privileged, CapAdd, CapDrop, SecurityOpt } = hostConfig;
  const options = parseSecurityOptions(SecurityOpt ?? []);
  const hidesNothing = privileged || options.systemPathsUnconfined;
  return {
    privileged,
    capabilities: { add: CapAdd ?? [], drop: CapDrop ?? [] },
    noNewPrivileges: options.noNewPrivileges ?? noNewPrivileges,
    // As in Docker, the daemon's profile is not for privileged containers.
    seccomp: options.seccomp ?? (privileged ? "default" : (seccomp?.profile ?? "default")),
    apparmorProfile: resolveAppArmorProfile(hostConfig),
    maskedPaths: hidesNothing ? [] : (hostConfig.MaskedPaths ?? maskedPaths),
    readonlyPaths: hidesNothing ? [] : (hostConfig.ReadonlyPaths ?? readonlyPaths),
  };
}
