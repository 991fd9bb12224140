import { createHash } from "node:crypto";
import { createReadStream, existsSync, realpathSync } from "node:fs";
import { join, posix } from "node:path";
import { basename } from "node:path/posix";
import { invalid } from "../../errors.ts";
import { compileIgnorePatterns, parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { BuildError } from "../build-error.ts";
import { readFolderFiles, removeFolderFile } from "../context/folders.ts";
import { findGitContext, gitNode } from "../graph/git-address.ts";
import type { GitNode } from "../graph/nodes.ts";
import { isHttpAddress } from "../graph/plan-remote.ts";
import type { BuildOptions } from "../options.ts";
import { beginStatus, reportWork, type SourceFile } from "../progress.ts";
import { fetchGitTree } from "../solve/git-tree.ts";
import type { Solving } from "../solve/solving.ts";
import { noteFile } from "../solve/web-files.ts";
import { readSmallFiles } from "./small-files.ts";

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
  if (folder !== undefined) {
    if (archive !== undefined) leaveOutDockerfile(folder, filename);
    return { file, ignored: [], vertex, folder };
  }
  const ignoreText = files.get(own) ?? (await loadIgnoreFile(solving, options, sessionId));
  return { file, ignored: parseIgnoreFile(ignoreText), vertex };
}

/**
 * Clients of `POST /build` leave out themselves what a .dockerignore names, and send these two all the same. Of archives for BuildKit
 * nothing is left out.
 */
function leaveOutDockerfile(folder: string, filename: string): void {
  const own = ".dockerignore";
  const patterns = compileIgnorePatterns(parseIgnoreFile(readFolderFiles(folder, [own]).get(own) ?? ""));
  for (const name of [own, filename]) if (patterns.isIgnored(name)) removeFolderFile(folder, name);
}

const uploadPrefix = "http://buildkit-session/";

/** A context that is no directory of the client's. @returns the folder that it is in now */
async function openRemote(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  archive: AsyncIterable<Uint8Array> | undefined,
): Promise<string | undefined> {
  const { rooms, onClose, report, session } = solving;
  const { remoteContext, contextSubdir } = options;
  if (archive === undefined && remoteContext === undefined) return undefined;
  const repository = archive === undefined ? findRepository(options) : undefined;
  const name = repository?.name ?? "[internal] load remote build context";
  const vertex = { digest: vertexOfLoading(sessionId, `${name} ${remoteContext ?? ""}`), inputs: [], name };
  return reportWork(report, vertex, async () => {
    if (repository) return fetchGitTree(solving, repository);
    let input = archive;
    if (remoteContext?.startsWith(uploadPrefix))
      input = (await session(sessionId)).upload(remoteContext.slice(uploadPrefix.length));
    else if (remoteContext !== undefined && isHttpAddress(remoteContext))
      input = await fetchArchive(solving, remoteContext);
    if (!input)
      throw invalid(`remoteURL (${redactAddresses(remoteContext ?? "")}) could not be recognized as URL`);
    const folder = await rooms.folders.unpack(input, solving.signal);
    onClose(folder.release);
    return contextSubdir === "" ? folder.path : subfolder(folder.path, contextSubdir);
  });
}

/** The context, where it is one. @throws EngineError invalid */
function findRepository({ remoteContext, contextSubdir, buildArgs }: BuildOptions): GitNode | undefined {
  const address = remoteContext === undefined ? undefined : findGitContext(remoteContext);
  if (address === undefined) return undefined;
  const keep = buildArgs.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") ?? "";
  const node = gitNode(address, { keepsGitDir: ["1", "true"].includes(keep) });
  node.address = address;
  return contextSubdir === "" ? node : { ...node, subdir: posix.join(node.subdir, contextSubdir) };
}

/** Of the web: an archive, or a Dockerfile alone. */
async function fetchArchive(
  { rooms, signal, onClose, fetched }: Omit<Solving, "file">,
  url: string,
): Promise<AsyncIterable<Uint8Array>> {
  const folder = rooms.folders.make();
  onClose(folder.release);
  const target = join(folder.path, "context");
  const { proxies } = rooms.images.registries.settings;
  noteFile(fetched, url, await rooms.files.run({ kind: "fetch", url, target, proxies }, signal));
  return createReadStream(target) as AsyncIterable<Uint8Array>;
}

/** @throws EngineError invalid for one that leads outside, or is not there */
function subfolder(path: string, subdir: string): string {
  const below = posix.normalize(`/${subdir}`);
  const real = join(path, below);
  const isInside = (found: string, root: string) => found === root || found.startsWith(`${root}/`);
  if (!existsSync(real) || !isInside(realpathSync(real), realpathSync(path)))
    throw invalid(`failed to read the context: ${below.slice(1)}: no such directory`);
  return realpathSync(real);
}

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

export function loadFiles(
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
