import { type Profile, type ProfileRule, parseProfile, type SyscallArgument } from "./seccomp-profile.ts";
import {
  allowedByArchitecture,
  allowedByCapability,
  allowedPersonalities,
  allowedSinceLinux48,
  alwaysAllowed,
  architectureMap,
  namespaceFlags,
  nativeArchitectures,
  vsockFamily,
} from "./seccomp-table.ts";
import type { Security } from "./security.ts";

/** `linux.seccomp` of the OCI runtime specification. */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls: OciSyscall[];
}

interface OciSyscall {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: SyscallArgument[];
}

const allow = "SCMP_ACT_ALLOW";
const fail = "SCMP_ACT_ERRNO";
const EPERM = 1;
const ENOSYS = 38;
const admin = "CAP_SYS_ADMIN";
const s390 = ["s390", "s390x"];

const defaultProfile: Profile = {
  defaultAction: fail,
  defaultErrnoRet: EPERM,
  archMap: architectureMap,
  syscalls: [
    { names: alwaysAllowed, action: allow },
    { names: allowedSinceLinux48, action: allow, includes: { minKernel: "4.8" } },
    { names: ["socket"], action: allow, args: [{ index: 0, value: vsockFamily, op: "SCMP_CMP_NE" }] },
    ...allowedPersonalities.map((value) => ({
      names: ["personality"],
      action: allow,
      args: [{ index: 0, value, op: "SCMP_CMP_EQ" }],
    })),
    ...allowedByArchitecture.map(([arches, names]) => ({ names, action: allow, includes: { arches } })),
    ...Object.entries(allowedByCapability).map(([capability, names]) => ({
      names,
      action: allow,
      includes: { caps: [capability] },
    })),
    { ...cloneWithoutNamespaces(0), excludes: { caps: [admin], arches: s390 } },
    // s390 has clone's first two arguments the other way round.
    { ...cloneWithoutNamespaces(1), includes: { arches: s390 }, excludes: { caps: [admin] } },
    // clone3's flags are behind a pointer, out of a filter's reach: libc falls back to clone on ENOSYS.
    { names: ["clone3"], action: fail, errnoRet: ENOSYS, excludes: { caps: [admin] } },
  ],
};

function cloneWithoutNamespaces(index: number): ProfileRule {
  return {
    names: ["clone"],
    action: allow,
    args: [{ index, value: namespaceFlags, op: "SCMP_CMP_MASKED_EQ" }],
  };
}

/**
 * Docker's default profile for a container with these capabilities ("CAP_CHOWN").
 * `kernelRelease` as os.release() gives it, `architecture` as process.arch.
 */
export function defaultSeccompProfile(
  capabilities: string[],
  kernelRelease: string,
  architecture: string,
): OciSeccomp {
  return resolveProfile(defaultProfile, capabilities, kernelRelease, architecture);
}

/** The profile in Docker's JSON format that `--security-opt seccomp=…` sends. @throws invalid */
export function parseSeccompProfile(
  json: string,
  capabilities: string[],
  kernelRelease: string,
  architecture: string,
): OciSeccomp {
  return resolveProfile(parseProfile(json), capabilities, kernelRelease, architecture);
}

function resolveProfile(
  profile: Profile,
  capabilities: string[],
  kernelRelease: string,
  architecture: string,
): OciSeccomp {
  const native = nativeArchitectures[architecture];
  const context = {
    capabilities,
    kernel: parseRelease(kernelRelease),
    architecture: native?.go ?? architecture,
  };
  const entry = profile.archMap?.find((candidate) => candidate.architecture === native?.seccomp);
  const architectures = entry
    ? [entry.architecture, ...(entry.subArchitectures ?? [])]
    : profile.architectures;
  const { defaultAction, defaultErrnoRet, flags, listenerPath, listenerMetadata } = profile;
  return {
    defaultAction,
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
    ...(architectures && architectures.length > 0 && { architectures }),
    ...(flags && { flags }),
    ...(listenerPath && { listenerPath }),
    ...(listenerMetadata && { listenerMetadata }),
    syscalls: (profile.syscalls ?? []).filter((rule) => doesApply(rule, context)).map(toOciSyscall),
  };
}

interface Context {
  capabilities: string[];
  kernel: [major: number, minor: number];
  architecture: string;
}

function doesApply({ includes, excludes }: ProfileRule, context: Context): boolean {
  const { capabilities, architecture, kernel } = context;
  if (excludes?.arches?.includes(architecture)) return false;
  if (excludes?.caps?.some((capability) => capabilities.includes(capability))) return false;
  if (excludes?.minKernel && isAtLeast(kernel, parseRelease(excludes.minKernel))) return false;
  if (includes?.arches?.length && !includes.arches.includes(architecture)) return false;
  if (includes?.caps?.some((capability) => !capabilities.includes(capability))) return false;
  return !includes?.minKernel || isAtLeast(kernel, parseRelease(includes.minKernel));
}

function toOciSyscall({ name, names, action, errnoRet, args }: ProfileRule): OciSyscall {
  return {
    names: name ? [name] : (names ?? []),
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args?.length && {
      args: args.map(({ index = 0, value = 0, valueTwo = 0, op = "" }) => ({ index, value, valueTwo, op })),
    }),
  };
}

/** "6.1.0-18-amd64" → [6, 1] */
function parseRelease(release: string): [major: number, minor: number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

function isAtLeast([major, minor]: [number, number], [wantedMajor, wantedMinor]: [number, number]): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** By which a process with these capabilities is filtered; undefined for none. @throws EngineError invalid for a profile that is none */
export function seccompOf(
  { seccomp, privileged }: Pick<Security, "seccomp" | "privileged">,
  capabilities: string[],
  kernel: string,
  architecture: string,
): OciSeccomp | undefined {
  if (seccomp === "unconfined" || (privileged && seccomp === "default")) return undefined;
  if (seccomp === "default") return defaultSeccompProfile(capabilities, kernel, architecture);
  return parseSeccompProfile(seccomp, capabilities, kernel, architecture);
}
