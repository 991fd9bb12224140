import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join, posix } from "node:path";
import { invalid } from "../../errors.ts";
import { parseGoBool } from "../../formats/go-bool.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { readFolderFiles } from "../context/folders.ts";
import { findGitContext, gitNode } from "../graph/git-address.ts";
import type { GitNode } from "../graph/nodes.ts";
import { isHttpAddress } from "../graph/plan-remote.ts";
import type { BuildOptions } from "../options.ts";
import { reportWork } from "../progress.ts";
import type { SourceRef } from "../solve/copy-action.ts";
import { fetchGitTree } from "../solve/git-tree.ts";
import type { Solving } from "../solve/solving.ts";
import { noteFile } from "../solve/web-files.ts";
import { findWebLogin } from "../solve/web-login.ts";
import type { ContextArchive } from "./context-archive.ts";

/** A context that is no directory of the client's. */
export interface RemoteContext {
  source: SourceRef;
  /** Those of the small files that were wanted that are there. */
  files: ReadonlyMap<string, string>;
}

export const vertexOfLoading = (sessionId: string, title: string) =>
  `sha256:${createHash("sha256")
    .update(JSON.stringify([sessionId, title]))
    .digest("hex")}`;

interface Wish {
  options: BuildOptions;
  sessionId: string;
  /** Paths of small files in it. */
  wanted: readonly string[];
}

/** Undefined where the context is a directory of the client's. @param archive in the request itself */
export async function openRemoteContext(
  solving: Omit<Solving, "file">,
  wish: Wish,
  archive: ContextArchive | undefined,
): Promise<RemoteContext | undefined> {
  const { options, sessionId, wanted } = wish;
  const { remoteContext } = options;
  if (archive === undefined && remoteContext === undefined) return undefined;
  const repository = archive === undefined ? findRepository(options) : undefined;
  const name = repository?.name ?? "[internal] load remote build context";
  const vertex = { digest: vertexOfLoading(sessionId, `${name} ${remoteContext ?? ""}`), inputs: [], name };
  return reportWork(solving.report, vertex, async () => {
    if (!repository) return unpackContext(solving, wish, archive);
    const path = await fetchGitTree(solving, repository);
    return { source: { kind: "folder", path }, files: readFolderFiles(path, wanted) };
  });
}

async function unpackContext(
  solving: Omit<Solving, "file">,
  { options, sessionId, wanted }: Wish,
  archive: ContextArchive | undefined,
): Promise<RemoteContext> {
  const { rooms, signal, onClose } = solving;
  const { chunks, key } = archive ?? (await fetchArchive(solving, options, sessionId));
  const wishes = {
    subdir: options.contextSubdir,
    wanted,
    // Clients of `POST /build` leave out themselves what a .dockerignore names, and send these two all the same.
    mayBeIgnored: archive ? [".dockerignore", options.filename] : [],
  };
  const { path, files, release } = await rooms.contexts.unpack(key, chunks, wishes, signal);
  onClose(release);
  return { source: { kind: "stored", path }, files: new Map(files) };
}

/** The context, where it is one. @throws EngineError invalid */
function findRepository({ remoteContext, contextSubdir, buildArgs }: BuildOptions): GitNode | undefined {
  const address = remoteContext === undefined ? undefined : findGitContext(remoteContext);
  if (address === undefined) return undefined;
  const keepsGitDir = parseGoBool(buildArgs.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") ?? "") ?? false;
  const node = gitNode(address, { keepsGitDir });
  node.address = address;
  return contextSubdir === "" ? node : { ...node, subdir: posix.join(node.subdir, contextSubdir) };
}

const uploadPrefix = "http://buildkit-session/";

/** What the client uploads, or a file of the web. @throws EngineError invalid */
async function fetchArchive(
  solving: Omit<Solving, "file">,
  { remoteContext = "", filename }: BuildOptions,
  sessionId: string,
): Promise<{ chunks: ContextArchive["chunks"]; key: string | undefined }> {
  const { rooms, signal, onClose, fetched, session } = solving;
  if (remoteContext.startsWith(uploadPrefix)) {
    const client = await session(sessionId);
    const { sharedKey } = client;
    const key = sharedKey === "" ? undefined : JSON.stringify(["upload", sharedKey, filename]);
    return { chunks: client.upload(remoteContext.slice(uploadPrefix.length)), key };
  }
  if (!isHttpAddress(remoteContext))
    throw invalid(`remoteURL (${redactAddresses(remoteContext)}) could not be recognized as URL`);
  const folder = rooms.folders.make();
  onClose(folder.release);
  const target = join(folder.path, "context");
  const { proxies } = rooms.images.registries.settings;
  const authorization = await findWebLogin(session, remoteContext);
  const job = {
    ...{ url: remoteContext, target, proxies },
    ...(authorization !== undefined && { authorization }),
  };
  noteFile(fetched, remoteContext, await rooms.fetches.run(job, signal));
  const key = JSON.stringify(["web", redactAddresses(remoteContext), filename]);
  return { chunks: readWhenWanted(target), key };
}

/** It is not open before it is read: the build may end first. */
async function* readWhenWanted(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path) as AsyncIterable<Buffer>;
}
