import assert from "node:assert/strict";
import { closeSync, mkdirSync, mkdtempSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listArchived } from "../../src/build/context/archived-tree.ts";
import { openContentWriter } from "../../src/build/context/content-writer.ts";
import { createFileNames, type FileNames } from "../../src/build/context/kept-contexts.ts";
import { openTreeAt } from "../../src/build/context/mounted-tree.ts";
import { type SourceTree, walkSource } from "../../src/build/context/source-tree.ts";
import { readStoredFiles, writeStoredTree } from "../../src/build/context/stored-list.ts";
import { openStoredTree } from "../../src/build/context/stored-tree.ts";
import { createUnpacking } from "../../src/build/context/unpacking.ts";
import { EngineError } from "../../src/errors.ts";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { createExtraction } from "../../src/trees/extract.ts";
import { removePath } from "../../src/trees/remove.ts";
import { makeArchive } from "./tar-grammar.ts";
import type { Target } from "./target.ts";

/**
 * Archives of build contexts: what is stored of one is what unpacking it into a directory makes, also where half of it is stored already.
 * What the kernel refuses may be refused, or not. For root.
 */
export const archivedContext: Target = {
  name: "archived-context",
  smallCount: 300,
  mostMilliseconds: 2000,
  open() {
    const folder = mkdtempSync(join(tmpdir(), "berth-fuzz-"));
    const [unpacked, stored] = [join(folder, "unpacked"), join(folder, "stored")];
    let latest: string | undefined;
    let count = 0;
    return {
      attempt(random) {
        const archive = makeArchive(random);
        if (count++ % attemptsPerStore === 0) {
          removePath(stored);
          mkdirSync(stored);
          latest = undefined;
        }
        mkdirSync(unpacked);
        try {
          const refusal = refusalOf(() => unpack(archive, unpacked));
          const names = createFileNames(stored, String(count));
          if (refusal !== undefined) {
            store(archive, names, latest);
            assert.match(refusal, kernelRefuses);
            return;
          }
          let path = "";
          assert.equal(
            refusalOf(() => {
              path = store(archive, names, latest);
            }),
            undefined,
          );
          assert.deepEqual(describe(openStoredTree(path)), describe(openTreeAt(unpacked)));
          latest = path;
        } finally {
          removePath(unpacked);
        }
      },
      close: () => removePath(folder),
    };
  },
};

/** Then all that is stored goes. */
const attemptsPerStore = 50;

/** What is no matter of the archive's form: attributes on links, ids that are none, numbers of devices. */
const kernelRefuses = /EPERM|EINVAL|EOPNOTSUPP|ERANGE|EOVERFLOW|ENOSPC|E2BIG|ERR_OUT_OF_RANGE|out of range/;

function refusalOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof EngineError ? error.message : String(error);
  }
}

function unpack(archive: Buffer, path: string): void {
  const rootFd = openSync(path, "r");
  const extraction = createExtraction({ rootFd, base: "", whiteouts: false, setsRoot: false });
  try {
    const reader = createTarReader();
    for (const event of reader.push(archive)) extraction.take(event);
    reader.finish();
    extraction.finish();
  } finally {
    extraction.close();
    closeSync(rootFd);
  }
}

function store(archive: Buffer, newFile: FileNames, latest: string | undefined): string {
  const writer = openContentWriter(() => newFile("pack"));
  try {
    const known = latest === undefined ? new Map() : readStoredFiles(latest);
    const unpacking = createUnpacking(writer, known, true);
    for (let begin = 0; begin < archive.length; begin += 700)
      unpacking.push(archive.subarray(begin, begin + 700));
    return writeStoredTree(newFile, listArchived(unpacking.finish())).path;
  } finally {
    writer.close();
  }
}

/** Directories that no entry names are of the time when they were made. */
function describe(tree: SourceTree): unknown[] {
  const firstNames = new Map<string, string>();
  try {
    return [...walkSource(tree, "")].map(({ identity, mtime: _, ...entry }) => {
      if (identity !== undefined && !firstNames.has(identity)) firstNames.set(identity, entry.path);
      const content = entry.type === "file" ? Buffer.concat([...tree.read(entry.path)].map(Buffer.from)) : "";
      return { ...entry, content, isNameOf: identity === undefined ? entry.path : firstNames.get(identity) };
    });
  } finally {
    tree.close();
  }
}
