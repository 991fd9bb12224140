import { compileIgnorePatterns, parseIgnoreFile } from "../../../src/formats/ignore-patterns.ts";
import type { SentFile } from "../../files/tar.ts";

export interface BuildContext {
  /** Of a folder. */
  files: readonly File[];
  /** What was typed; it takes the place of the folder's own. */
  dockerfile: string;
}

const dockerfileName = "Dockerfile";
const ignoreName = ".dockerignore";

/** The folder's files, without the folder's own name, and the Dockerfile that was typed. */
export function contextFiles({ files, dockerfile }: BuildContext): SentFile[] {
  const sent = files.map((file) => ({
    path: file.webkitRelativePath.split("/").slice(1).join("/") || file.name,
    file,
    modified: file.lastModified,
  }));
  if (dockerfile.trim() === "") return sent;
  const typed = { path: dockerfileName, file: new Blob([dockerfile]) };
  return [...sent.filter(({ path }) => path !== dockerfileName), typed];
}

/** Those that `.dockerignore` leaves, as a client of the classic builder sends them. @throws EngineError invalid for a bad pattern */
export async function selectFiles(context: BuildContext): Promise<SentFile[]> {
  const files = contextFiles(context);
  const ignoreFile = files.find(({ path }) => path === ignoreName);
  if (!ignoreFile) return files;
  const patterns = compileIgnorePatterns(parseIgnoreFile(await ignoreFile.file.text()));
  return files.filter(
    ({ path }) => path === dockerfileName || path === ignoreName || !patterns.isIgnored(path),
  );
}
