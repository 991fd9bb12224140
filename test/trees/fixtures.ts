import { closeSync, constants, mkdtempSync, openSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryPath, makeDirectoryAt } from "../../src/sys/safe-path.ts";
import { createDescent } from "../../src/trees/descent.ts";
import { removePath } from "../../src/trees/remove.ts";

export interface Folder extends Disposable {
  path: string;
  /** Of the open folder. */
  fd: number;
}

export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "berth-trees-"));
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    path,
    fd,
    [Symbol.dispose]() {
      closeSync(fd);
      removePath(path);
    },
  };
}

/** So long that a hundred of them are more than any path may have. */
export const longName = "d".repeat(200);

/** Nests directories in an open one, with a file of four bytes in the lowest. */
export function nestDirectories(directoryFd: number, depth: number, name = longName): void {
  const descent = createDescent(directoryFd);
  for (let level = 0; level < depth; level++) {
    makeDirectoryAt(descent.fd, name, 0o755);
    descent.enter(name);
  }
  writeFileSync(entryPath(descent.fd, "file"), "deep");
  descent.close();
}
