import { hexOf } from "../../formats/digest.ts";
import { hostPlatform } from "../../formats/image-config.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { familiarRepository, parseReference } from "../../formats/reference.ts";
import type { Attestation } from "../../images/built-index.ts";
import type { PlannedImage } from "../frontend/planned-image.ts";
import type { RunMountNode } from "../graph/nodes.ts";
import { nodesOf } from "../graph/nodes.ts";
import type { BuildOptions } from "../options.ts";
import type { SourceFile } from "../progress.ts";

/** What of a build goes into its provenance. */
export interface BuildFacts {
  options: BuildOptions;
  file: SourceFile;
  image: PlannedImage;
  /** Names of the result, as they were given. */
  names: readonly string[];
  invocation: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  finishedAt: number;
}

const predicateType = "https://slsa.dev/provenance/v0.2";
const buildkit = "https://mobyproject.org/buildkit@v1";

/** How an image was made (SLSA provenance 0.2, as BuildKit writes it). @param digest of its manifest */
export function stateProvenance(facts: BuildFacts, digest: string): Attestation {
  const { image, names } = facts;
  const platform = formatPlatform(image.platform);
  const subjects = names.length > 0 ? names.map((name) => packageOf(name, platform)) : ["_"];
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType,
    subject: subjects.map((name) => ({ name, digest: { sha256: hexOf(digest) } })),
    predicate: predicateOf(facts),
  };
  return { predicateType, text: JSON.stringify(statement) };
}

function predicateOf(facts: BuildFacts) {
  const { options, file, image } = facts;
  const platform = formatPlatform(image.platform);
  const materials = image.materials.map(({ name, digest }) => ({
    uri: packageOf(name, platform),
    digest: { sha256: hexOf(digest) },
  }));
  const isFull = options.provenance?.mode === "max";
  return {
    builder: { id: "" },
    buildType: buildkit,
    ...(materials.length > 0 && { materials }),
    invocation: {
      configSource: { entryPoint: options.filename },
      parameters: parametersOf(facts, isFull),
      environment: { platform: formatPlatform(hostPlatform()) },
    },
    metadata: {
      buildInvocationID: facts.invocation,
      buildStartedOn: new Date(facts.startedAt).toISOString(),
      buildFinishedOn: new Date(facts.finishedAt).toISOString(),
      completeness: { parameters: true, environment: true, materials: false },
      reproducible: false,
      [`${buildkit}#metadata`]: isFull ? { source: { infos: [describeFile(file)] } } : {},
    },
  };
}

function parametersOf({ options, image }: BuildFacts, isFull: boolean) {
  const args = [
    ...(options.target === undefined ? [] : [["target", options.target]]),
    ...(isFull ? [...options.buildArgs].map(([name, value]) => [`build-arg:${name}`, value]) : []),
    ...(isFull ? [...options.labels].map(([name, value]) => [`label:${name}`, value]) : []),
  ];
  const mounts = nodesOf(image.target).flatMap((node) => (node.kind === "run" ? node.mounts : []));
  const secrets = mounts.filter((mount) => mount.type === "secret").map(describeGiven);
  const agents = mounts.filter((mount) => mount.type === "ssh").map(describeGiven);
  return {
    frontend: "dockerfile.v0",
    ...(args.length > 0 && { args: Object.fromEntries(args) }),
    ...(secrets.length > 0 && { secrets }),
    ...(agents.length > 0 && { ssh: agents }),
    ...(options.remoteContext === undefined && { locals: [{ name: "context" }, { name: "dockerfile" }] }),
  };
}

function describeGiven({ id, isRequired }: Extract<RunMountNode, { type: "secret" | "ssh" }>) {
  return { id, ...(!isRequired && { optional: true }) };
}

function describeFile({ name, text }: SourceFile) {
  return { filename: name, language: "Dockerfile", data: Buffer.from(text).toString("base64") };
}

/** A package URL of an image. */
function packageOf(name: string, platform: string): string {
  const reference = parseReference(name);
  const { tag = "latest" } = reference;
  return `pkg:docker/${familiarRepository(reference)}@${tag}?platform=${encodeURIComponent(platform)}`;
}
