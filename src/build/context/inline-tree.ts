import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";
import type { SourceTree } from "./source-tree.ts";

/** The files that a Dockerfile holds itself, in a directory of their own. */
export function openInlineTree(
  files: readonly { name: string; content: string; mode?: number }[],
): SourceTree {
  const contents = new Map(files.map(({ name, content }) => [bytesOfText(name), Buffer.from(content)]));
  const about = { uid: 0, gid: 0, mtime: { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 } };
  const read = (path: string) => [contents.get(path) ?? Buffer.alloc(0)];
  return {
    find(path): ContextEntry | undefined {
      const mode = files.find(({ name }) => bytesOfText(name) === path)?.mode ?? 0o644;
      if (path === "") return { ...about, path, type: "directory", mode: 0o755, sizeBytes: 0 };
      const content = contents.get(path);
      return content && { ...about, path, type: "file", mode, sizeBytes: content.length };
    },
    list: (path) => (path === "" ? [...contents.keys()].sort() : []),
    read,
    contentDigest: () => undefined,
    close() {},
  };
}
