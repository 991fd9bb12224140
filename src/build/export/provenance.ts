import { hexOf } from "../../formats/digest.ts";
import { hostPlatform } from "../../formats/image-config.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { familiarRepository, parseReference } from "../../formats/reference.ts";
import type { Attestation } from "../../images/built-index.ts";
import type { PlannedImage } from "../frontend/planned-image.ts";
import { findGitContext } from "../graph/git-address.ts";
import type { Node, RunMountNode } from "../graph/nodes.ts";
import { nodesOf } from "../graph/nodes.ts";
import type { BuildOptions, ProvenanceOptions } from "../options.ts";
import type { SourceFile } from "../progress.ts";
import type { FetchedSource } from "../solve/solving.ts";
import { type BuildConfig, describeSteps, stepIdOf } from "./build-config.ts";
import type { FileStatement } from "./statement-file.ts";

/** What of a build goes into its provenance. */
export interface BuildFacts {
  options: BuildOptions & { provenance: ProvenanceOptions };
  file: SourceFile;
  image: PlannedImage;
  /** Repositories and files of the web that it took. */
  fetched: readonly FetchedSource[];
  /** Names of the result, as they were given. */
  names: readonly string[];
  invocation: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  finishedAt: number;
}

const buildkit = "https://mobyproject.org/buildkit@v1";

/**
 * How an image was made (SLSA provenance 0.2 or 1, as BuildKit writes it).
 * @param digest of its manifest @param layers that this names
 */
export function stateProvenance(
  facts: BuildFacts,
  digest: string,
  layers: readonly Descriptor[],
): Attestation {
  const { image, names } = facts;
  const { predicateType, predicate } = describeProvenance(facts, layers);
  const platform = formatPlatform(image.platform);
  const subjects = names.length > 0 ? names.map((name) => packageOf(name, platform)) : ["_"];
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType,
    subject: subjects.map((name) => ({ name, digest: { sha256: hexOf(digest) } })),
    predicate,
  };
  return { predicateType, text: JSON.stringify(statement) };
}

/** How files were made, which are no image. */
export function stateProvenanceOfFiles(facts: BuildFacts): FileStatement {
  const { predicateType, predicate } = describeProvenance(facts, []);
  return { predicateType, predicate: JSON.stringify(predicate) };
}

function describeProvenance(facts: BuildFacts, layers: readonly Descriptor[]) {
  const { version } = facts.options.provenance;
  const predicate = version === "v1" ? describeV1(facts, layers) : describeV02(facts, layers);
  return { predicateType: `https://slsa.dev/provenance/${version}`, predicate };
}

function describeV02(facts: BuildFacts, layers: readonly Descriptor[]) {
  const { options, invocation } = facts;
  const { builderId, isReproducible } = options.provenance;
  const { materials, request, config, metadata, source, isComplete, isHermetic } = describe(facts, layers);
  return {
    builder: { id: builderId },
    buildType: buildkit,
    ...(materials.length > 0 && { materials }),
    invocation: {
      configSource: { ...source, entryPoint: options.filename },
      parameters: request,
      environment: { platform: formatPlatform(hostPlatform()) },
    },
    ...(config && { buildConfig: config }),
    metadata: {
      buildInvocationID: invocation,
      buildStartedOn: timeOf(facts.startedAt),
      buildFinishedOn: timeOf(facts.finishedAt),
      completeness: { parameters: true, environment: true, materials: isComplete },
      reproducible: isReproducible,
      ...(isHermetic && { [`${buildkit}#hermetic`]: true }),
      [`${buildkit}#metadata`]: metadata,
    },
  };
}

function describeV1(facts: BuildFacts, layers: readonly Descriptor[]) {
  const { options, invocation } = facts;
  const { builderId, isReproducible } = options.provenance;
  const { materials, request, config, metadata, source, isComplete, isHermetic } = describe(facts, layers);
  return {
    buildDefinition: {
      buildType: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
      ...(materials.length > 0 && { resolvedDependencies: materials }),
      externalParameters: { configSource: { ...source, path: options.filename }, request },
      internalParameters: {
        ...(config && { buildConfig: config }),
        builderPlatform: formatPlatform(hostPlatform()),
      },
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        invocationId: invocation,
        startedOn: timeOf(facts.startedAt),
        finishedOn: timeOf(facts.finishedAt),
        buildkit_metadata: metadata,
        ...(isHermetic && { buildkit_hermetic: true }),
        buildkit_completeness: { request: true, resolvedDependencies: isComplete },
        ...(isReproducible && { buildkit_reproducible: true }),
      },
    },
  };
}

const timeOf = (milliseconds: number) => new Date(milliseconds).toISOString();

/** What both versions say. */
function describe(facts: BuildFacts, layers: readonly Descriptor[]) {
  const { options, image, fetched, file } = facts;
  const isFull = options.provenance.mode === "max";
  const platform = formatPlatform(image.platform);
  const images = image.materials.map(({ name, digest, isLocal }) => ({
    uri: packageOf(name, platform, isLocal),
    digest: { sha256: hexOf(digest) },
  }));
  const nodes = nodesOf(image.target);
  const { remoteContext = "" } = options;
  const address = redactAddresses(findGitContext(remoteContext) ?? remoteContext);
  const context = fetched.find(({ uri }) => uri === address);
  // What comes from a client, and what a command reaches by the network, is in no list.
  const isKnown = context !== undefined && nodes.every(({ kind }) => kind !== "directory");
  const isComplete = isKnown && nodes.every((node) => node.kind !== "run" || node.network === "none");
  const config = isFull ? describeSteps(image.target, image.materials) : undefined;
  return {
    materials: [...images, ...fetched],
    request: describeRequest(facts, isFull),
    config,
    metadata: config
      ? { source: describeSource(file, nodes, config), layers: describeLayers(image.target, layers, config) }
      : {},
    source: context ?? {},
    ...{ isComplete, isHermetic: isComplete },
  };
}

function describeRequest({ options, image }: BuildFacts, isFull: boolean) {
  const args = [
    ...(options.target === undefined ? [] : [["target", options.target]]),
    ...(isFull ? [...options.buildArgs].map(([name, value]) => [`build-arg:${name}`, value]) : []),
    ...(isFull ? [...options.labels].map(([name, value]) => [`label:${name}`, value]) : []),
  ];
  const mounts = nodesOf(image.target).flatMap((node) => (node.kind === "run" ? node.mounts : []));
  const given = (type: "secret" | "ssh") =>
    isFull ? mounts.filter((mount) => mount.type === type).map(describeGiven) : [];
  const [secrets, agents] = [given("secret"), given("ssh")];
  return {
    frontend: "dockerfile.v0",
    ...(args.length > 0 && { args: Object.fromEntries(args) }),
    ...(secrets.length > 0 && { secrets }),
    ...(agents.length > 0 && { ssh: agents }),
    ...(options.remoteContext === undefined && { locals: [{ name: "context" }, { name: "dockerfile" }] }),
  };
}

function describeGiven(mount: RunMountNode) {
  const { id, isRequired } = mount as Extract<RunMountNode, { type: "secret" | "ssh" }>;
  return { id, ...(!isRequired && { optional: true }) };
}

function describeSource({ name, text }: SourceFile, nodes: readonly Node[], config: BuildConfig) {
  const infos = [{ filename: name, language: "Dockerfile", data: Buffer.from(text).toString("base64") }];
  const locations = nodes.flatMap((node) => {
    const id = stepIdOf(config, node);
    if (id === undefined || !node.range) return [];
    const { start, end } = node.range;
    const ranges = [{ start: { line: start.line }, end: { line: end.line } }];
    return [[id, { locations: [{ ranges }] }] as const];
  });
  return { locations: Object.fromEntries(locations), infos };
}

/** The layers that the image has after each of the steps that it stands on. */
function describeLayers(target: Node, layers: readonly Descriptor[], config: BuildConfig) {
  const described: Record<string, [Descriptor[]]> = {};
  let left = layers.length;
  for (let node: Node | undefined = target; node && left > 0; node = "base" in node ? node.base : undefined) {
    const id = stepIdOf(config, node);
    const own = layers.slice(0, left).map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
    if (id !== undefined) described[`${id}:0`] = [own];
    left--;
  }
  return Object.fromEntries(Object.entries(described).reverse());
}

/** A package URL of an image, in a layout or from elsewhere. */
function packageOf(name: string, platform: string, isLocal = false): string {
  const reference = parseReference(name);
  const { digest, tag = digest === undefined ? "latest" : undefined } = reference;
  const place = `pkg:${isLocal ? "oci" : "docker"}/${familiarRepository(reference)}${tag ? `@${tag}` : ""}`;
  const byDigest = digest === undefined ? "" : `digest=${digest}&`;
  return `${place}?${byDigest}platform=${encodeURIComponent(platform)}`;
}
