import { createHash } from "node:crypto";
import { createReadStream, existsSync, realpathSync } from "node:fs";
import { join, posix } from "node:path";
import { basename } from "node:path/posix";
import type { Dockerfile } from "../../dockerfile/instructions.ts";
import { parseDockerfile } from "../../dockerfile/parse.ts";
import { invalid, notImplemented } from "../../errors.ts";
import { parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import type { ImageContent } from "../../images/store/kinds.ts";
import { BuildError, locateError } from "../build-error.ts";
import { readFolderFiles } from "../context/folders.ts";
import type { BaseImage } from "../graph/base-image.ts";
import type { DirectoryNode, Node } from "../graph/nodes.ts";
import { type Plan, planBuild } from "../graph/plan.ts";
import { isGitAddress, isHttpAddress } from "../graph/plan-remote.ts";
import type { BuildOptions } from "../options.ts";
import { beginStatus, reportWork, type SourceFile } from "../progress.ts";
import type { Solving } from "../solve/solving.ts";
import { reportWarnings } from "./check.ts";
import { type FoundImage, findBaseImage } from "./find-image.ts";
import { readSmallFiles } from "./small-files.ts";

/** A build whose steps are known, and not done yet. */
export interface PreparedBuild {
  file: SourceFile;
  dockerfile: Dockerfile;
  /** One for each platform. */
  plans: PlannedImage[];
}

export interface PlannedImage extends Plan {
  /** The image that it stands on. */
  baseContent: ImageContent | undefined;
}

/** What is known of a build's files before its Dockerfile is read. */
export interface LoadedFiles {
  file: SourceFile;
  /** Lines of the .dockerignore. */
  ignored: string[];
  /** Of the Dockerfile's loading, which the linter's warnings belong to. */
  vertex: string;
  /** Where the context is, if it is no directory of the client's. */
  folder?: string;
}

/** Reads the Dockerfile and what it refers to. @throws BuildError */
export async function prepareBuild(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  archive?: AsyncIterable<Uint8Array>,
): Promise<PreparedBuild> {
  const loaded = await loadDockerfile(solving, options, sessionId, archive);
  const { file, ignored, vertex } = loaded;
  let dockerfile: Dockerfile;
  try {
    dockerfile = parseDockerfile(file.text);
  } catch (error) {
    throw locateError(error, file, undefined);
  }
  checkSyntax(dockerfile, file);
  const plans: PlannedImage[] = [];
  for (const platform of options.platforms)
    plans.push(await planDockerfile(solving, options, sessionId, loaded, dockerfile, platform));
  const input = { dockerfile, options, ignored, plan: plans[0], isWhole: false };
  reportWarnings(solving.report, input, file, vertex);
  return { file, dockerfile, plans };
}

/** For one platform. @throws BuildError */
export async function planDockerfile(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  { file, ignored, folder }: LoadedFiles,
  dockerfile: Dockerfile,
  platform: Platform,
): Promise<PlannedImage> {
  const bases = new Map<BaseImage, FoundImage>();
  const plan = await planBuild(dockerfile, file, {
    options,
    platform,
    sources: {
      session: sessionId,
      context: folder === undefined ? contextNode(options, sessionId, ignored) : folderNode(folder),
      async findImage(name, wanted) {
        const found = await findBaseImage(solving, options, name, wanted);
        bases.set(found.base, found);
        return found.base;
      },
      findNamed: (name, wanted) => findNamed(solving, options, sessionId, { name, platform: wanted, bases }),
    },
  });
  return { ...plan, baseContent: plan.base && bases.get(plan.base)?.content };
}

const vertexOfLoading = (sessionId: string, title: string) => digestOf(JSON.stringify([sessionId, title]));
const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

export async function loadDockerfile(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  archive?: AsyncIterable<Uint8Array>,
): Promise<LoadedFiles> {
  const { filename } = options;
  const own = `${filename}.dockerignore`;
  const title = `[internal] load build definition from ${basename(filename)}`;
  const names = [filename, own, ...(basename(filename) === "Dockerfile" ? [filename.toLowerCase()] : [])];
  const folder = await openRemote(solving, options, sessionId, archive);
  const isInFolder = folder !== undefined && options.dockerfileName === options.contextName;
  const files = isInFolder
    ? readFolderFiles(folder, names)
    : await loadFiles(solving, { sessionId, title, names, directory: options.dockerfileName });
  const text = files.get(filename) ?? files.get(filename.toLowerCase());
  if (text === undefined)
    throw new BuildError(`failed to read dockerfile: open ${filename}: no such file or directory`, {});
  const file = { name: basename(filename), text };
  const vertex = vertexOfLoading(sessionId, title);
  if (folder !== undefined) return { file, ignored: [], vertex, folder };
  const ignoreText = files.get(own) ?? (await loadIgnoreFile(solving, options, sessionId));
  return { file, ignored: parseIgnoreFile(ignoreText), vertex };
}

const uploadPrefix = "http://buildkit-session/";

/** A context that is no directory of the client's. @returns the folder that it is in now */
async function openRemote(
  solving: Omit<Solving, "file">,
  { remoteContext, contextSubdir }: BuildOptions,
  sessionId: string,
  archive: AsyncIterable<Uint8Array> | undefined,
): Promise<string | undefined> {
  const { rooms, onClose, report, session } = solving;
  if (archive === undefined && remoteContext === undefined) return undefined;
  const name = "[internal] load remote build context";
  const vertex = { digest: vertexOfLoading(sessionId, `${name} ${remoteContext ?? ""}`), inputs: [], name };
  return reportWork(report, vertex, async () => {
    let input = archive;
    if (remoteContext?.startsWith(uploadPrefix))
      input = (await session(sessionId)).upload(remoteContext.slice(uploadPrefix.length));
    else if (remoteContext !== undefined && isHttpAddress(remoteContext) && !isGitAddress(remoteContext))
      input = await fetchArchive(solving, remoteContext);
    if (!input) throw notImplemented(`contexts such as ${remoteContext} are not yet supported`);
    const folder = await rooms.folders.unpack(input);
    onClose(folder.release);
    return contextSubdir === "" ? folder.path : subfolder(folder.path, contextSubdir);
  });
}

/** Of the web: an archive, or a Dockerfile alone. */
async function fetchArchive(
  { rooms, signal, onClose }: Omit<Solving, "file">,
  url: string,
): Promise<AsyncIterable<Uint8Array>> {
  const folder = rooms.folders.make();
  onClose(folder.release);
  const target = join(folder.path, "context");
  await rooms.files.run({ kind: "fetch", url, target }, signal);
  return createReadStream(target) as AsyncIterable<Uint8Array>;
}

/** @throws EngineError invalid for one that leads outside, or is not there */
function subfolder(path: string, subdir: string): string {
  const below = posix.normalize(`/${subdir}`);
  const real = join(path, below);
  if (!existsSync(real) || !realpathSync(real).startsWith(realpathSync(path)))
    throw invalid(`failed to read the context: ${below.slice(1)}: no such directory`);
  return realpathSync(real);
}

const folderNode = (path: string): Node => ({ kind: "folder", name: "", path });

async function loadIgnoreFile(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
): Promise<string> {
  const files = await loadFiles(solving, {
    sessionId,
    title: "[internal] load .dockerignore",
    names: [".dockerignore"],
    directory: options.contextName,
  });
  return files.get(".dockerignore") ?? "";
}

interface FilesToLoad {
  sessionId: string;
  title: string;
  directory: string;
  names: string[];
}

function loadFiles(
  { report, session, signal }: Omit<Solving, "file">,
  { sessionId, title, directory, names }: FilesToLoad,
): Promise<Map<string, string>> {
  const digest = vertexOfLoading(sessionId, title);
  return reportWork(report, { digest, inputs: [], name: title }, async () => {
    const what = directory === "dockerfile" || title.includes("definition") ? "dockerfile" : "context";
    const tell = beginStatus(report, digest, `transferring ${what}:`, "transferring");
    let total = 0;
    const onBytes = (bytes: number) => {
      total = bytes;
      tell(bytes);
    };
    const files = await readSmallFiles(await session(sessionId), directory, names, { signal, onBytes });
    tell(total, true);
    return files;
  });
}

/** Our own reader serves every version of Docker's. @throws BuildError */
function checkSyntax({ syntax }: Dockerfile, file: SourceFile): void {
  if (!syntax || isOurs(syntax.reference)) return;
  const error = invalid(
    `frontend ${syntax.reference} is not supported: berth reads Dockerfiles itself, as docker/dockerfile:1 does`,
  );
  throw locateError(error, file, syntax.range);
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

interface Named {
  name: string;
  platform: Platform;
  bases: Map<BaseImage, FoundImage>;
}

/** What the client has said that a name stands for: `--build-context name=…`. */
async function findNamed(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  { name, platform, bases }: Named,
): Promise<BaseImage | Node | undefined> {
  const key = [`${name}::${formatPlatform(platform)}`, name].find((one) => options.namedContexts.has(one));
  const address = key === undefined ? undefined : options.namedContexts.get(key);
  if (address === undefined) return undefined;
  const colon = address.indexOf(":");
  const [scheme, rest] = [address.slice(0, colon), address.slice(colon + 1)];
  if (scheme === "docker-image") {
    const found = await findBaseImage(
      solving,
      options,
      rest.replace(/^\/\//, ""),
      platform,
      `context ${name}`,
    );
    bases.set(found.base, found);
    return found.base;
  }
  if (scheme === "local") {
    const directory = rest.replace(/^\/\//, "");
    const session = options.sessions.get(directory) ?? sessionId;
    const title = `[context ${name}] load .dockerignore`;
    const files = await loadFiles(solving, {
      sessionId: session,
      title,
      directory,
      names: [".dockerignore"],
    });
    const node: DirectoryNode = {
      kind: "directory",
      name: `[context ${name}] load from client`,
      session,
      directory,
      paths: undefined,
      excludePatterns: parseIgnoreFile(files.get(".dockerignore") ?? ""),
    };
    return node;
  }
  throw invalid(`unsupported context source ${scheme} for ${name}`);
}
