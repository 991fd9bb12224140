import { basename } from "node:path/posix";
import { parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import { BuildError } from "../build-error.ts";
import type { BuildOptions } from "../options.ts";
import { beginStatus, reportWork, type SourceFile } from "../progress.ts";
import type { SourceRef } from "../solve/copy-action.ts";
import type { Solving } from "../solve/solving.ts";
import type { ContextArchive } from "./context-archive.ts";
import { openRemoteContext, vertexOfLoading } from "./remote-context.ts";
import { readSmallFiles } from "./small-files.ts";

/** What is known of a build's files before its Dockerfile is read. */
export interface LoadedFiles {
  file: SourceFile;
  /** Lines of the .dockerignore. */
  ignored: string[];
  /** Of the Dockerfile's loading, which the linter's warnings belong to. */
  vertex: string;
  /** The context, if it is no directory of the client's. */
  source?: SourceRef;
}

export async function loadDockerfile(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  archive?: ContextArchive,
): Promise<LoadedFiles> {
  const { filename } = options;
  const own = `${filename}.dockerignore`;
  const title = `[internal] load build definition from ${basename(filename)}`;
  const names = [filename, own, ...(basename(filename) === "Dockerfile" ? [filename.toLowerCase()] : [])];
  const remote = await openRemoteContext(solving, { options, sessionId, wanted: names }, archive);
  const isInContext = options.dockerfileName === options.contextName;
  const files =
    remote && isInContext
      ? remote.files
      : await loadFiles(solving, { sessionId, title, names, directory: options.dockerfileName });
  const text = files.get(filename) ?? files.get(filename.toLowerCase());
  if (text === undefined)
    throw new BuildError(`failed to read dockerfile: open ${filename}: no such file or directory`, {});
  const file = { name: basename(filename), text };
  const vertex = vertexOfLoading(sessionId, title);
  if (remote) return { file, ignored: [], vertex, source: remote.source };
  const ignoreText = files.get(own) ?? (await loadIgnoreFile(solving, options, sessionId));
  return { file, ignored: parseIgnoreFile(ignoreText), vertex };
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
