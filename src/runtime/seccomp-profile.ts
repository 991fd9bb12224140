import { invalid, messageOf } from "../errors.ts";

export interface SyscallArgument {
  index: number;
  value: number;
  valueTwo: number;
  op: string;
}

/** A profile as Docker's JSON files have it, and as our own default is put together. */
export interface Profile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: ProfileRule[] | null;
}

export interface ProfileRule {
  name?: string;
  names?: string[];
  action: string;
  errnoRet?: number;
  args?: Partial<SyscallArgument>[] | null;
  includes?: RuleFilter;
  excludes?: RuleFilter;
}

interface RuleFilter {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

/** @throws invalid when the text is not JSON, or has not the shape of a profile */
export function parseProfile(json: string): Profile {
  let profile: unknown;
  try {
    profile = JSON.parse(json);
  } catch (error) {
    throw invalid(`Decoding seccomp profile failed: ${messageOf(error)}`, error);
  }
  checkProfile(profile);
  return profile;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOptionalTexts(value: unknown): boolean {
  return value == null || (Array.isArray(value) && value.every((item) => typeof item === "string"));
}

function checkProfile(profile: unknown): asserts profile is Profile {
  const wrong = (reason: string) => invalid(`Decoding seccomp profile failed: ${reason}`);
  if (!isRecord(profile)) throw wrong("it is not an object");
  if (typeof profile.defaultAction !== "string") throw wrong("defaultAction is missing");
  if (!isOptionalTexts(profile.architectures) || !isOptionalTexts(profile.flags))
    throw wrong("architectures and flags are lists of names");
  const archMap = profile.archMap ?? [];
  if (
    !Array.isArray(archMap) ||
    !archMap.every((entry) => isRecord(entry) && isOptionalTexts(entry.subArchitectures))
  )
    throw wrong("archMap is a list of objects");
  if (archMap.length > 0 && Array.isArray(profile.architectures) && profile.architectures.length > 0)
    throw invalid(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  const rules = profile.syscalls ?? [];
  if (!Array.isArray(rules)) throw wrong("syscalls is not a list");
  for (const rule of rules) {
    const reason = findFault(rule);
    if (reason) throw wrong(reason);
  }
}

function findFault(rule: unknown): string | undefined {
  if (!isRecord(rule) || typeof rule.action !== "string") return "a rule in syscalls has no action";
  if (!isOptionalTexts(rule.names) || (rule.name !== undefined && typeof rule.name !== "string"))
    return "names of a rule are texts";
  if (rule.name && Array.isArray(rule.names) && rule.names.length > 0)
    return "'name' and 'names' are both given in a rule, use either";
  if (!rule.name && !(Array.isArray(rule.names) && rule.names.length > 0))
    return "a rule in syscalls has no names";
  for (const filter of [rule.includes ?? {}, rule.excludes ?? {}]) {
    if (!isRecord(filter) || !isOptionalTexts(filter.caps) || !isOptionalTexts(filter.arches))
      return "includes and excludes are objects with lists";
    if (filter.minKernel != null && !/^\d+\.\d+/.test(String(filter.minKernel)))
      return `invalid minKernel: ${filter.minKernel}`;
  }
  const args = rule.args ?? [];
  if (!Array.isArray(args) || !args.every(isArgument))
    return "args of a rule are objects of index, value and op";
  return undefined;
}

function isArgument(value: unknown): boolean {
  if (!isRecord(value) || typeof value.op !== "string") return false;
  return [value.index, value.value, value.valueTwo].every(
    (number) => number === undefined || (Number.isSafeInteger(number) && Number(number) >= 0),
  );
}
