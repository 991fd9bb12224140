import assert from "node:assert/strict";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { createExtraction } from "../../src/trees/extract.ts";
import { removePath } from "../../src/trees/remove.ts";
import { makeArchive } from "./tar-grammar.ts";
import type { Target } from "./target.ts";

/** Archives unpacked, as layers and as `cp` does it, beside a folder that nothing may touch. For root. */
export const tarExtract: Target = {
  name: "tar-extract",
  smallCount: 500,
  mostMilliseconds: 2000,
  open() {
    const folder = mkdtempSync(join(tmpdir(), "berth-fuzz-"));
    const victim = join(folder, "victim");
    mkdirSync(victim);
    writeFileSync(join(victim, "secret"), "secret", { mode: 0o600 });
    const state = () => [
      readdirSync(folder),
      readdirSync(victim),
      readFileSync(join(victim, "secret"), "utf8"),
      [victim, join(victim, "secret")].map((path) => {
        const { mode, uid, gid, nlink, mtimeMs, ctimeMs } = lstatSync(path);
        return [mode, uid, gid, nlink, mtimeMs, ctimeMs];
      }),
      openBelow(folder),
    ];
    const before = state();
    return {
      attempt(random) {
        const root = join(folder, "root");
        mkdirSync(root);
        const rootFd = openSync(root, "r");
        const extraction = createExtraction({ rootFd, base: "", whiteouts: random.next() < 0.7 });
        try {
          const reader = createTarReader();
          for (const event of reader.push(makeArchive(random))) extraction.take(event);
          reader.finish();
          extraction.finish();
        } finally {
          extraction.close();
          closeSync(rootFd);
          removePath(root);
          assert.deepEqual(state(), before);
        }
      },
      close: () => removePath(folder),
    };
  },
};

/** Descriptors that nobody has closed. */
function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}
