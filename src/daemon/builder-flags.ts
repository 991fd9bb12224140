import { dockerFilterNames, filtersOfDocker, unusedOfDocker } from "../build/cache/docker-filters.ts";
import { type BuildGarbageSettings, defaultBuildGarbage } from "../build/cache/garbage-settings.ts";
import type { PruneRequest } from "../build/cache/prune-request.ts";
import type { BuilderSettings } from "../build/rooms.ts";
import { invalid, messageOf } from "../errors.ts";
import { parseDuration, parseSize } from "../formats/units.ts";

type Members = Record<string, unknown>;

/** @throws EngineError invalid */
export function readBuilderSettings(text: string | undefined): BuilderSettings {
  const { gc, entitlements } = membersOf(text === undefined ? {} : JSON.parse(text), "builder", [
    ...["gc", "entitlements"],
  ]);
  return { garbage: readGarbage(gc ?? {}), entitlements: readEntitlements(entitlements ?? {}) };
}

/** @throws EngineError invalid for what is no object, or has other members */
function membersOf(value: unknown, path: string, names: readonly string[]): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${path} is not an object`);
  for (const name of Object.keys(value))
    if (!names.includes(name)) throw invalid(`${path} has no key ${name}`);
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

function readEntitlements(given: unknown): string[] {
  const members = membersOf(given, "builder.entitlements", ["network-host", "security-insecure", "device"]);
  const isOn = (name: string, byDefault: boolean) =>
    readSwitch(members[name], `builder.entitlements.${name}`) ?? byDefault;
  return [
    ...(isOn("network-host", true) ? ["network.host"] : []),
    ...(isOn("security-insecure", false) ? ["security.insecure"] : []),
    ...(isOn("device", true) ? ["device"] : []),
  ];
}

/** `keepStorage` is the older name of `reservedSpace`. */
const bounds = [
  ["reservedBytes", ["reservedSpace", "keepStorage"]],
  ["maxUsedBytes", ["maxUsedSpace"]],
  ["minFreeBytes", ["minFreeSpace"]],
] as const;

function readGarbage(given: unknown): BuildGarbageSettings {
  const capital = (name: string) => `default${name[0]?.toUpperCase()}${name.slice(1)}`;
  const names = bounds.flatMap(([, keys]) => keys.map(capital));
  const members = membersOf(given, "builder.gc", ["enabled", "policy", ...names]);
  const { policy = [] } = members;
  if (!Array.isArray(policy)) throw invalid("builder.gc.policy is not a list");
  return {
    ...defaultBuildGarbage,
    ...readBounds(members, "builder.gc", capital),
    isEnabled: readSwitch(members.enabled, "builder.gc.enabled") ?? true,
    rules: policy.map((rule, index) => readRule(rule, `builder.gc.policy[${index}]`)),
  };
}

function readRule(given: unknown, path: string): PruneRequest {
  const names = bounds.flatMap(([, keys]) => keys);
  const members = membersOf(given, path, ["all", "filter", ...names]);
  const { filter = [] } = members;
  if (!Array.isArray(filter)) throw invalid(`${path}.filter is not a list`);
  const filters = new Map<string, string[]>();
  for (const one of filter) {
    const [, name = "", value = ""] = /^([a-z!-]+)=(.*)$/.exec(String(one)) ?? [];
    if (!dockerFilterNames.includes(name)) throw invalid(`${path}: invalid filter '${one}'`);
    filters.set(name, [...(filters.get(name) ?? []), value]);
  }
  const { wanted, unused } = explainFilters(filters, path);
  return {
    filters: wanted,
    all: readSwitch(members.all, `${path}.all`) ?? false,
    keepMilliseconds: unused === undefined ? 0 : readMilliseconds(unused, path),
    ...readBounds(members, path, (name) => name),
  };
}

function explainFilters(filters: Map<string, string[]>, path: string) {
  try {
    return { wanted: filtersOfDocker(filters), unused: unusedOfDocker(filters) };
  } catch (error) {
    throw invalid(`${path}.filter: ${messageOf(error)}`, error);
  }
}

function readBounds(members: Members, path: string, keyOf: (name: string) => string) {
  const read = bounds.map(([name, keys]) => {
    const key = keys.map(keyOf).find((one) => members[one] !== undefined);
    return [name, key === undefined ? 0 : readBytes(members[key], `${path}.${key}`)] as const;
  });
  return Object.fromEntries(read) as Record<(typeof bounds)[number][0], number>;
}

function readSwitch(value: unknown, path: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw invalid(`${path} is neither true nor false`);
}

function readBytes(value: unknown, path: string): number {
  if (value === "") return 0;
  try {
    return parseSize(String(value));
  } catch (error) {
    throw invalid(`${path}: ${messageOf(error)}`, error);
  }
}

function readMilliseconds(duration: string, path: string): number {
  try {
    return parseDuration(duration) / 1e6;
  } catch (error) {
    throw invalid(`${path}: ${messageOf(error)}`, error);
  }
}
