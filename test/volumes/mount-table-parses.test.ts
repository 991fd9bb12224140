import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, mock, test } from "node:test";
import { encodeMounts } from "../../src/containers/mounts.ts";
import { createMountSettler } from "../../src/launch/settle-mounts.ts";
import { prepareStart } from "../../src/volumes/mounts.ts";
import type { ResolvedMount } from "../../src/volumes/resolved-mount.ts";
import { createSources } from "../../src/volumes/sources.ts";
import { makeFolder } from "../trees/fixtures.ts";

afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});

/** @returns how often this process has taken its mount table apart since */
function countParses(): () => number {
  const read = fs.readFileSync;
  let parses = 0;
  const readCounted = (path: string, encoding: BufferEncoding) => {
    if (path !== "/proc/self/mountinfo") return read(path, encoding);
    const table = "20 1 0:20 / / rw,relatime shared:1 - ext4 /dev/a rw\n";
    return {
      split(separator: string) {
        parses++;
        return table.split(separator);
      },
    };
  };
  mock.method(fs, "readFileSync", readCounted as typeof read);
  syncBuiltinESMExports();
  return () => parses;
}

function bind(source: string, propagation: string): ResolvedMount {
  return {
    ...{ type: "bind", source, destination: `/at${source}`, mode: "", readOnly: false, propagation },
    ...{ copyUp: false, isAnonymous: false, createSource: false, isNonRecursive: false, below: "" },
    ...{ name: undefined, subpath: "", imageId: "", tmpfsOptions: "", isListed: true },
  };
}

test("what looks at sources reads the mount table at its first look, and only then", async () => {
  const parses = countParses();
  const sources = createSources();
  const look = sources.looker();
  assert.equal(parses(), 0);
  for (const path of ["/", "/proc"]) assert.equal((await look(path)).exists, true);
  assert.equal(parses(), 1);
  await sources.close();
});

test("the mount table is parsed once for all mounts of a container", async () => {
  using folder = makeFolder();
  const mounts = ["/", "/proc", "/dev", folder.path].map((source) => bind(source, "rslave"));
  const parses = countParses();
  const encoded = encodeMounts(mounts, [], () => true);
  assert.deepEqual(encoded[0]?.options, ["rbind", "rslave"]);
  assert.equal(parses(), 1);
  const facts = { exists: true, isDirectory: true, realPath: "/" };
  await prepareStart(mounts, "/elsewhere", undefined, async () => facts);
  assert.equal(parses(), 2);
  await prepareStart([bind("/", "rprivate")], "/elsewhere", undefined, async () => facts);
  assert.equal(parses(), 2);
});

test("it is parsed once also where mounts lead into other mounts", async () => {
  using folder = makeFolder();
  for (const name of ["root", "a", "a/in", "b", "b/in"]) fs.mkdirSync(`${folder.path}/${name}`);
  const parses = countParses();
  const settler = createMountSettler();
  const at = (destination: string, name: string) => ({
    ...{ destination, type: "bind", source: `${folder.path}/${name}`, options: ["rbind"], isDirectory: true },
  });
  const inner = [at("/x/in", "b"), at("/y/in", "a")];
  await settler.settle([`${folder.path}/root`], [at("/x", "a"), at("/y", "b"), ...inner]);
  assert.equal(parses(), 1);
  await settler.close();
});
