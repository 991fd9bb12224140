import { invalid } from "../errors.ts";
import { parseCsvLine } from "../formats/csv.ts";
import type { Resources, Ulimit } from "../formats/docker-api/docker-api.ts";
import { hostPlatform } from "../formats/image-config.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { parsePlatform } from "../formats/platform.ts";
import { formatFamiliar, parseReference } from "../formats/reference.ts";

export type StepLimits = Partial<
  Pick<
    Resources,
    "Memory" | "MemorySwap" | "CpuShares" | "CpuPeriod" | "CpuQuota" | "CpusetCpus" | "CpusetMems"
  >
>;

/** What a client asks of a build, whichever door it came by. */
export interface BuildOptions {
  /** The Dockerfile's name in its directory. */
  filename: string;
  /** Names of the client's directories: where the Dockerfile is, and the context. */
  dockerfileName: string;
  contextName: string;
  /** A context that is not a directory of the client: a git or http address, or an archive that it uploads. */
  remoteContext: string | undefined;
  contextSubdir: string;
  target: string | undefined;
  buildArgs: ReadonlyMap<string, string>;
  labels: ReadonlyMap<string, string>;
  platforms: readonly Platform[];
  /** They were asked for: what is made says them of itself, whatever it stands on. */
  isPlatformGiven: boolean;
  /** More than one result is meant even for one platform. */
  isMultiPlatform: boolean;
  /** Names of stages, or all. */
  noCache: "none" | "all" | readonly string[];
  pulls: "never" | "missing" | "always";
  extraHosts: readonly string[];
  ulimits: readonly Ulimit[];
  shmSizeBytes: number | undefined;
  /** Of commands, as clients of the classic builder give them. No step depends on them. */
  limits: StepLimits;
  cgroupParent: string;
  hostname: string;
  network: "default" | "host" | "none";
  /** By name: "docker-image://…", "local:…", "oci-layout://…", "input:…", an address. */
  namedContexts: ReadonlyMap<string, string>;
  /** Directories of the client that another session has, by name. */
  sessions: ReadonlyMap<string, string>;
  /** `# check=` from outside. */
  check: string | undefined;
  /** Milliseconds since the epoch; undefined for now. */
  sourceDate: number | undefined;
  /** What is to be said of how the image was made; undefined for nothing. */
  provenance: ProvenanceOptions | undefined;
  /** The image that is to list what is in the result; undefined for none. */
  sbomScanner: string | undefined;
  /** What is asked of the Dockerfile instead of a build: "frontend.lint", …; "" for a build. */
  call: string;
  entitlements: ReadonlySet<string>;
}

/** Reads the attributes by which BuildKit's clients say what they want (`SolveRequest.FrontendAttrs`). @throws EngineError invalid */
export function parseBuildOptions(
  attributes: ReadonlyMap<string, string>,
  entitlements: Iterable<string> = [],
): BuildOptions {
  const get = (key: string) => attributes.get(key) ?? "";
  const below = (prefix: string) =>
    new Map(
      [...attributes]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length), value]),
    );
  const buildArgs = below("build-arg:");
  const platforms = parseList(get("platform")).map(parsePlatform);
  return {
    filename: get("filename") || "Dockerfile",
    dockerfileName: get("dockerfilekey") || (get("context") ? "context" : "dockerfile"),
    contextName: get("contextkey") || "context",
    remoteContext: get("context") || undefined,
    contextSubdir: get("contextsubdir"),
    target: get("target") || undefined,
    buildArgs,
    labels: below("label:"),
    platforms: platforms.length > 0 ? platforms : [hostPlatform()],
    isPlatformGiven: platforms.length > 0,
    isMultiPlatform:
      platforms.length > 1 ||
      isTrue(get("multi-platform") || (buildArgs.get("BUILDKIT_MULTI_PLATFORM") ?? "")),
    noCache: !attributes.has("no-cache")
      ? "none"
      : get("no-cache") === ""
        ? "all"
        : parseList(get("no-cache")),
    pulls: get("image-resolve-mode") === "pull" ? "always" : "missing",
    extraHosts: parseList(get("add-hosts")).map((entry) => entry.replace("=", ":")),
    ulimits: parseList(get("ulimit")).map(parseUlimit),
    shmSizeBytes: get("shm-size") ? parseNumber("shm-size", get("shm-size")) : undefined,
    limits: {},
    cgroupParent: get("cgroup-parent"),
    hostname: get("hostname") || (buildArgs.get("BUILDKIT_SANDBOX_HOSTNAME") ?? "buildkitsandbox"),
    network: parseNetwork(get("force-network-mode")),
    namedContexts: new Map([...below("context:")].map(([name, place]) => [contextName(name), place])),
    sessions: below("local-sessionid:"),
    check: buildArgs.get("BUILDKIT_DOCKERFILE_CHECK"),
    sourceDate: parseEpoch(buildArgs.get("SOURCE_DATE_EPOCH")),
    provenance: parseProvenance(attributes.get("attest:provenance")),
    sbomScanner: parseSbom(attributes.get("attest:sbom")),
    call: get("requestid"),
    entitlements: new Set(entitlements),
  };
}

/** Names that stand for the same image are the same: "docker.io/library/busybox:latest" is "busybox", with "::PLATFORM" or without. */
export function contextName(text: string): string {
  const [name = "", ...rest] = text.split("::");
  try {
    const familiar = formatFamiliar(parseReference(name)).replace(/:latest$/, "");
    return [familiar, ...rest].join("::");
  } catch {
    // It is a stage's, which may be written otherwise.
    return text;
  }
}

export interface ProvenanceOptions {
  mode: "min" | "max";
  /** Of the predicate: SLSA's. */
  version: "v0.2" | "v1";
  /** What the user calls this builder; "" for nothing. */
  builderId: string;
  /** What the user says of the build. */
  isReproducible: boolean;
}

/** A list of NAME=VALUE. @throws EngineError invalid */
function parseAttestation(text: string | undefined): Map<string, string> | undefined {
  if (text === undefined) return undefined;
  const fields = parseList(text).map((field): [string, string] => {
    const equals = field.indexOf("=");
    return equals < 0 ? [field, "true"] : [field.slice(0, equals), field.slice(equals + 1)];
  });
  const given = new Map(fields);
  return isTrue(given.get("disabled") ?? "") ? undefined : given;
}

function parseProvenance(text: string | undefined): ProvenanceOptions | undefined {
  const given = parseAttestation(text);
  if (!given) return undefined;
  const mode = given.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max") throw invalid(`invalid mode ${JSON.stringify(mode)}`);
  const version = given.get("version") ?? "v0.2";
  if (version !== "v0.2" && version !== "v1")
    throw invalid(`invalid provenance version ${JSON.stringify(version)}: v0.2 and v1 are known`);
  // Clients ask for this one by themselves. It would give an image another id each time that it is built.
  if (isTrue(given.get("inline-only") ?? "")) return undefined;
  const isReproducible = isTrue(given.get("reproducible") ?? "");
  return { mode, version, builderId: given.get("builder-id") ?? "", isReproducible };
}

function parseSbom(text: string | undefined): string | undefined {
  const given = parseAttestation(text);
  return given && (given.get("generator") || "docker/buildkit-syft-scanner:stable-1");
}

function parseList(text: string): string[] {
  return text === "" ? [] : parseCsvLine(text);
}

function isTrue(text: string): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(text);
}

function parseNumber(name: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw invalid(`invalid ${name} ${JSON.stringify(text)}`);
  return number;
}

/** Of the year 9999. */
const lastSecond = 253_402_300_799;

/** Of seconds since the epoch. @returns milliseconds; undefined for "" @throws EngineError invalid */
export function parseEpoch(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = parseNumber("SOURCE_DATE_EPOCH", text);
  if (seconds > lastSecond) throw invalid(`invalid SOURCE_DATE_EPOCH ${JSON.stringify(text)}`);
  return seconds * 1000;
}

function parseUlimit(text: string): Ulimit {
  const [, name, soft, hard] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (!name || !soft) throw invalid(`invalid ulimit argument: ${text}`);
  return { Name: name, Soft: Number(soft), Hard: Number(hard ?? soft) };
}

function parseNetwork(mode: string): BuildOptions["network"] {
  if (mode === "" || mode === "default" || mode === "bridge") return "default";
  if (mode === "host" || mode === "none") return mode;
  throw invalid(`network mode "${mode}" not supported by buildkit`);
}
