import type { Dockerfile } from "../../dockerfile/instructions.ts";
import { parseDockerfile } from "../../dockerfile/parse.ts";
import { invalid } from "../../errors.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { locateError } from "../build-error.ts";
import type { BaseImage } from "../graph/base-image.ts";
import type { DirectoryNode, Node } from "../graph/nodes.ts";
import { planBuild } from "../graph/plan.ts";
import type { BuildOptions } from "../options.ts";
import type { SourceFile } from "../progress.ts";
import type { SourceRef } from "../solve/copy-action.ts";
import type { Solving } from "../solve/solving.ts";
import { reportWarnings } from "./check.ts";
import { type FoundImage, findBaseImage } from "./find-image.ts";
import { type LoadedFiles, loadDockerfile } from "./load-dockerfile.ts";
import { findNamed } from "./named-contexts.ts";
import type { ClientInputs, PlannedImage } from "./planned-image.ts";

/** A build whose steps are known, and not done yet. */
export interface PreparedBuild {
  file: SourceFile;
  dockerfile: Dockerfile;
  /** One for each platform. */
  plans: PlannedImage[];
}

/** Reads the Dockerfile and what it refers to. @throws BuildError */
export async function prepareBuild(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  inputs: ClientInputs = {},
): Promise<PreparedBuild> {
  const loaded = await loadDockerfile(solving, options, sessionId, inputs.archive);
  const { file, ignored, vertex } = loaded;
  let dockerfile: Dockerfile;
  try {
    dockerfile = parseDockerfile(file.text);
  } catch (error) {
    throw locateError(error, file, undefined);
  }
  checkSyntax(dockerfile, file);
  if (options.sbomScanner !== undefined) throw refuseScanner(options.sbomScanner);
  const plans: PlannedImage[] = [];
  for (const platform of options.platforms)
    plans.push(
      await planDockerfile(solving, options, { sessionId, ...inputs }, loaded, dockerfile, platform),
    );
  const input = { dockerfile, options, ignored, plan: plans[0], isWhole: false };
  reportWarnings(solving.report, input, file, vertex);
  return { file, dockerfile, plans };
}

/** For one platform. @throws BuildError */
export async function planDockerfile(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  { sessionId, findInput }: { sessionId: string } & Pick<ClientInputs, "findInput">,
  { file, ignored, source }: LoadedFiles,
  dockerfile: Dockerfile,
  platform: Platform,
): Promise<PlannedImage> {
  const bases = new Map<BaseImage, FoundImage>();
  const directories = new Map<string, Promise<DirectoryNode>>();
  const plan = await planBuild(dockerfile, file, {
    options,
    platform,
    sources: {
      session: sessionId,
      cdi: solving.rooms.cdi,
      context: source === undefined ? contextNode(options, sessionId, ignored) : treeNode(source),
      async findImage(name, wanted) {
        const found = await findBaseImage(solving, options, name, wanted);
        bases.set(found.base, found);
        return found.base;
      },
      findNamed: (name, wanted) =>
        findNamed(solving, options, sessionId, { name, platform: wanted, bases, findInput, directories }),
    },
  });
  const materials = [...bases.values()].flatMap(({ base, digest, isLocal = false }) =>
    digest === undefined ? [] : [{ name: base.name, digest, ...(isLocal && { isLocal }) }],
  );
  return { ...plan, baseContent: plan.base && bases.get(plan.base)?.content, materials };
}

/** Our own reader serves every version of Docker's. @throws BuildError */
function checkSyntax({ syntax }: Dockerfile, file: SourceFile): void {
  if (!syntax || isOurs(syntax.reference)) return;
  const error = invalid(
    `frontend ${syntax.reference} is not supported: berth reads Dockerfiles itself, as docker/dockerfile:1 does`,
  );
  throw locateError(error, file, syntax.range);
}

function refuseScanner(name: string): Error {
  const full = formatReference(withDefaultTag(parseReference(name)));
  return invalid(`SBOM scanner ${full} is not supported: this engine runs no scanners`);
}

export function isOurs(reference: string): boolean {
  const [name = ""] = reference.split(/[:@]/, 1);
  return /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?$/.test(name);
}

function contextNode(options: BuildOptions, sessionId: string, ignored: readonly string[]): DirectoryNode {
  return {
    kind: "directory",
    name: "[internal] load build context",
    session: options.sessions.get(options.contextName) ?? sessionId,
    directory: options.contextName,
    paths: new Set(),
    excludePatterns: ignored,
  };
}

const treeNode = (source: SourceRef): Node => ({ kind: "tree", name: "", source });
