import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { invalid, messageOf } from "../errors.ts";
import { isObject } from "../formats/json.ts";
import {
  type Decoded,
  decode,
  flag,
  integer,
  list,
  mapOf,
  optional,
  type Shape,
  scalar,
  struct,
  text,
  textOrList,
} from "../formats/shape.ts";
import { table } from "./flag-table.ts";

export interface ConfigFile {
  /** What it says, by flag and as on the command line. */
  values: Readonly<Record<string, string[]>>;
  /** By runtime: what no flag can say. */
  runtimeArgs: Readonly<Record<string, readonly string[]>>;
}

/** What is checked elsewhere. */
const anything: Shape<unknown> = { type: "interface {}", zero: () => null, read: (value) => value };

const runtimeShape = struct("system.Runtime", {
  path: text,
  runtimeArgs: list(text),
  runtimeType: text,
  options: optional(anything),
});

/** Docker's keys for what is called otherwise on the command line, or can only be said in a file. */
const fileFields = {
  builder: optional(anything),
  "cdi-spec-dirs": optional(list(text)),
  "default-address-pools": optional(
    list(struct("ipamutils.NetworkToSplit", { base: text, size: integer("int") })),
  ),
  "default-network-opts": optional(mapOf(mapOf(text))),
  "default-ulimits": optional(
    mapOf(struct("units.Ulimit", { Soft: optional(integer("int64")), Hard: optional(integer("int64")) })),
  ),
  "dns-opts": optional(list(text)),
  "exec-opts": optional(list(text)),
  features: optional(mapOf(flag)),
  "host-gateway-ips": optional(list(text)),
  hosts: optional(list(text)),
  "insecure-registries": optional(list(text)),
  labels: optional(list(text)),
  "log-opts": optional(mapOf(text)),
  proxies: optional(
    struct("config.Proxies", {
      "http-proxy": optional(text),
      "https-proxy": optional(text),
      "no-proxy": optional(text),
    }),
  ),
  "registry-mirrors": optional(list(text)),
  runtimes: optional(mapOf(runtimeShape)),
};

const ofKind = { boolean: flag, list: list(text), string: text };
/** Of keys that are no plain text, though the flag is. */
const odd: Readonly<Record<string, Shape<unknown>>> = {
  "default-shm-size": scalar,
  "host-gateway-ip": textOrList,
  "image-gc-high-water": scalar,
  "image-gc-keep-last": scalar,
  "image-gc-low-water": scalar,
  "image-keep-compressed-layers": scalar,
  "max-concurrent-downloads": integer("int"),
  "max-concurrent-uploads": integer("int"),
  "max-download-attempts": integer("int"),
  mtu: integer("int"),
};

const fileShape = struct("Config", fileFields);
const flagsShape = struct(
  "Config",
  Object.fromEntries(
    table.map(([name, kind]) => [name, optional((odd[name] ?? ofKind[kind]) as Shape<unknown>)]),
  ),
);

type Members = Decoded<typeof fileShape>;

/** @param given what the command line says @throws EngineError invalid in dockerd's words */
export function readConfigFile(
  path: string,
  mustExist: boolean,
  given: Readonly<Record<string, readonly string[]>>,
): ConfigFile {
  if (!mustExist && !existsSync(path)) return { values: {}, runtimeArgs: {} };
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (!isObject(file)) throw invalid("it is not a JSON object");
    refuseUnknownKeys(file);
    return readMembers(file, given);
  } catch (error) {
    throw invalid(`unable to configure the engine with file ${path}: ${messageOf(error)}`, error);
  }
}

function readMembers(file: Record<string, unknown>, given: Readonly<Record<string, readonly string[]>>) {
  const { members, plain } = decodeFile(file);
  refuseBoth(file, given);
  if (members["host-gateway-ips"] && plain["host-gateway-ip"])
    throw invalid("host-gateway-ip and host-gateway-ips must not both be specified in the config file");
  const runtimes = Object.entries(members.runtimes ?? {});
  for (const [name, runtime] of runtimes) checkRuntime(name, runtime);
  const args = runtimes.map(([name, { runtimeArgs }]) => [name, runtimeArgs ?? []] as const);
  return {
    values: { ...plain, ...wordsOf(members) },
    runtimeArgs: Object.fromEntries(args.filter(([, words]) => words.length > 0)),
  };
}

/** @throws EngineError invalid in the words of Go's encoding/json */
function decodeFile(file: Record<string, unknown>) {
  try {
    const flags: Record<string, unknown> = decode(flagsShape, file, "Config");
    const said = Object.entries(flags).map(([name, value]) => [name, [value].flat().map(String)] as const);
    // As in Go, an empty text says nothing.
    const plain = said.filter(([name, values]) => isList(name) || values.some((value) => value !== ""));
    return { members: decode(fileShape, file, "Config"), plain: Object.fromEntries(plain) };
  } catch (error) {
    throw invalid(`invalid JSON: ${messageOf(error)}`, error);
  }
}

const isList = (name: string) => table.some(([known, kind]) => known === name && kind === "list");

/** Members that are called otherwise on the command line, as they are written there. */
function wordsOf(members: Members): Record<string, string[]> {
  const { builder, proxies, runtimes } = members;
  const pairs = (given: Record<string, unknown> | null | undefined) =>
    given && Object.entries(given).map(([name, value]) => `${name}=${value}`);
  const words: Record<string, string[] | null | undefined> = {
    "add-runtime": runtimes && Object.entries(runtimes).map(([name, { path }]) => `${name}=${path}`),
    builder: builder === undefined ? undefined : [JSON.stringify(builder)],
    "cdi-spec-dir": members["cdi-spec-dirs"],
    "default-address-pool": members["default-address-pools"]?.map(
      ({ base, size }) => `base=${base},size=${size}`,
    ),
    "default-network-opt": Object.entries(members["default-network-opts"] ?? {}).flatMap(
      ([driver, options]) => (pairs(options) ?? []).map((pair) => `${driver}=${pair}`),
    ),
    "default-ulimit": Object.entries(members["default-ulimits"] ?? {}).map(
      ([name, { Soft, Hard }]) => `${name}=${Soft ?? 0}:${Hard ?? Soft ?? 0}`,
    ),
    "dns-opt": members["dns-opts"],
    "exec-opt": members["exec-opts"],
    feature: pairs(members.features),
    host: members.hosts,
    "host-gateway-ip": members["host-gateway-ips"],
    "insecure-registry": members["insecure-registries"],
    label: members.labels,
    "log-opt": pairs(members["log-opts"]),
    ...Object.fromEntries(Object.entries(proxies ?? {}).map(([name, value]) => [name, [value]])),
    "registry-mirror": members["registry-mirrors"],
  };
  const said = Object.entries(words).filter(
    (entry): entry is [string, string[]] => (entry[1]?.length ?? 0) > 0,
  );
  return Object.fromEntries(said);
}

/** @throws EngineError invalid for a runtime that is no program of the OCI's command line */
function checkRuntime(name: string, { path, runtimeType, options }: Decoded<typeof runtimeShape>): void {
  if (runtimeType !== "" || options !== undefined)
    throw invalid(
      `runtime ${name}: runtimeType and options are not supported, which are for containerd's shims: name the program with path`,
    );
  if (path === "") throw invalid(`runtime ${name}: either a runtimeType or a path must be configured`);
}

/** What may be said in both places: each adds to the other, or has its own part. */
const mergeable = ["runtimes", "features", "builder"];

/** @throws EngineError invalid in dockerd's words for what is said both by a flag and in the file */
function refuseBoth(file: Record<string, unknown>, given: Readonly<Record<string, readonly string[]>>): void {
  const { proxies, ...rest } = file;
  const said = Object.entries({ ...rest, ...(isObject(proxies) && proxies) });
  const both = said.flatMap(([key, value]) => {
    const flags = given[flagOf(key)];
    if (flags === undefined || value === null || mergeable.includes(key)) return [];
    const isPlain = flags.length === 1 && !isList(flagOf(key));
    const shown = isPlain ? flags[0] : `[${flags.join(" ")}]`;
    return [`${key}: (from flag: ${shown}, from file: ${show(value)})`];
  });
  if (both.length > 0)
    throw invalid(
      `the following directives are specified both as a flag and in the configuration file: ${both.sort().join(", ")}`,
    );
}

const flagNames: Readonly<Record<string, string>> = {
  "insecure-registries": "insecure-registry",
  runtimes: "add-runtime",
};

/** "hosts" → "host" */
const flagOf = (key: string) =>
  flagNames[key] ?? (Object.hasOwn(fileFields, key) ? key.replace(/s$/, "") : key);

/** As Go prints a value. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (!isObject(value)) return String(value);
  const members = Object.entries(value).map(([name, member]) => `${name}:${show(member)}`);
  return `map[${members.sort().join(" ")}]`;
}

/** What other files say that is so here without being said. */
const givens: Readonly<Record<string, unknown>> = {
  experimental: false,
  "live-restore": true,
  "storage-driver": "overlay2",
  "userland-proxy": false,
};

/** @throws EngineError invalid in Docker's words */
function refuseUnknownKeys(file: Record<string, unknown>): void {
  const isKnown = (key: string) => Object.hasOwn(fileFields, key) || table.some(([name]) => name === key);
  const isGiven = (key: string) => Object.hasOwn(givens, key) && isDeepStrictEqual(givens[key], file[key]);
  const unknown = Object.keys(file).filter((key) => !isKnown(key) && !isGiven(key));
  if (unknown.length > 0)
    throw invalid(`the following directives don't match any configuration option: ${unknown.join(", ")}`);
}
