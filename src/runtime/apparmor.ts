import { existsSync } from "node:fs";
import { internal, messageOf } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { canLoadProfiles, hasAppArmor, isProfileLoaded, loadProfiles } from "../sys/apparmor.ts";
import { parseSecurityOptions } from "./security-options.ts";

export const defaultProfileName = "berth-default";

/**
 * The AppArmor profile of a container's processes: the one asked for, or else Docker's rule.
 * @returns undefined where the kernel has no AppArmor: there a profile asked for is passed over, as with Docker
 * @throws EngineError invalid
 */
export function resolveAppArmorProfile({
  SecurityOpt,
  Privileged,
}: Pick<HostConfig, "SecurityOpt" | "Privileged">): string | undefined {
  if (!hasAppArmor()) return undefined;
  const { apparmorProfile: asked } = parseSecurityOptions(SecurityOpt ?? []);
  // Compose files name the default so.
  if (asked === "docker-default") return defaultProfileName;
  if (asked) return asked;
  return Privileged || !canLoadProfiles() ? "unconfined" : defaultProfileName;
}

let loading: Promise<void> | undefined;

/**
 * Has the kernel know the profile, if it is the default one. An earlier version's is replaced once in a process's life; one
 * that was unloaded in the meantime is loaded again.
 * @throws EngineError internal
 */
export async function ensureAppArmorProfile(name: string | undefined): Promise<void> {
  if (name !== defaultProfileName) return;
  await loading?.catch(() => {});
  if (!loading || !isProfileLoaded(name)) loading = loadProfiles(formatDefaultProfile());
  await loading.catch((error: unknown) => {
    throw internal(
      `AppArmor enabled on system but the ${name} profile could not be loaded: ${messageOf(error)}`,
      error,
    );
  });
}

/**
 * The default profile, in the language of apparmor.d(5). What Docker documents of docker-default holds: everything is
 * allowed but mounting, writing to what /proc and /sys have of the kernel's own (processes, cgroups and the limits of shared
 * memory excepted), reading what tells secrets, and touching processes outside.
 */
export function formatDefaultProfile(): string {
  // Classes that later kernels mediate as well would be denied unless named; the older grammar leaves them be.
  const abi = existsSync("/etc/apparmor.d/abi/3.0") ? "abi <abi/3.0>,\n" : "";
  return `${abi}
profile ${defaultProfileName} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  deny mount,

  # Who may signal or trace is settled on the sender's side.
  signal (receive),
  signal (send) peer=${defaultProfileName},
  ptrace (tracedby, readby),
  ptrace (trace, read) peer=${defaultProfileName},

  deny /proc/[^0-9s]** wkl,
  deny /proc/s[^y]** wkl,
  deny /proc/sys[^/]** wkl,
  deny /proc/sys/[^k]** wkl,
  deny /proc/sys/kernel/[^s]** wkl,
  deny /proc/sys/kernel/s[^h]** wkl,
  deny /proc/sys/kernel/sh[^m]** wkl,
  deny /proc/{sysrq-trigger,kcore} rwklx,

  deny /sys/[^f]** wklx,
  deny /sys/f[^s]** wklx,
  deny /sys/fs/[^c]** wklx,
  deny /sys/fs/c[^g]** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,
}
`;
}
