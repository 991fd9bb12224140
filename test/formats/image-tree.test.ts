import assert from "node:assert/strict";
import { test } from "node:test";
import type { LayerEntry } from "../../src/formats/docker-api/docker-api-layers.ts";
import { allNodes, createImageTree, wastedBytes } from "../../src/formats/image-tree.ts";
import { viewLayer } from "../../src/formats/image-tree-view.ts";
import { createRandom } from "../random.ts";

const entry = (Path: string, more: Partial<LayerEntry> = {}): LayerEntry => ({
  ...{ Path, Kind: "file", Mode: 0o644, UID: 0, GID: 0, Size: 0 },
  ...more,
});
const file = (path: string, size: number) => entry(path, { Size: size });
const folder = (path: string, more: Partial<LayerEntry> = {}) =>
  entry(path, { Kind: "directory", Mode: 0o755, ...more });
const whiteout = (path: string) => entry(path, { Kind: "whiteout" });

const base = [folder("etc"), file("etc/a", 100), file("etc/b", 10), folder("var"), file("var/log", 1000)];

test("counts what a layer adds, modifies and removes, and what the image does not show", () => {
  const tree = createImageTree();
  assert.deepEqual(tree.addLayer(base), { added: 5, modified: 0, removed: 0 });
  const second = [folder("etc"), file("etc/a", 50), file("etc/c", 1), whiteout("var")];
  assert.deepEqual(tree.addLayer(second), { added: 1, modified: 1, removed: 2 });
  // What is removed again, or was never there, removes nothing.
  assert.deepEqual(tree.addLayer([whiteout("var"), whiteout("none")]), { added: 0, modified: 0, removed: 0 });
  assert.deepEqual(tree.addLayer([folder("var"), file("var/log", 5)]), { added: 2, modified: 0, removed: 0 });
  const wasted = [...allNodes(tree.root)].flatMap((node) =>
    wastedBytes(node) > 0 ? [[node.entry.Path, node.stored.length, wastedBytes(node)]] : [],
  );
  assert.deepEqual(wasted.sort(), [
    ["etc/a", 2, 100],
    ["var/log", 2, 1000],
  ]);
});

test("a file is not wasted as long as one of its names shows it", () => {
  const tree = createImageTree();
  tree.addLayer([file("a", 100), entry("b", { Kind: "hardlink", Target: "a" })]);
  const wasted = () => [...allNodes(tree.root)].reduce((sum, node) => sum + wastedBytes(node), 0);
  tree.addLayer([whiteout("a")]);
  assert.equal(wasted(), 0);
  tree.addLayer([file("b", 7)]);
  assert.equal(wasted(), 100);
});

test("a directory that replaces another hides what was in it, and a file in its place too", () => {
  const tree = createImageTree();
  tree.addLayer(base);
  assert.deepEqual(tree.addLayer([folder("etc", { Replaces: true }), file("etc/b", 3)]), {
    added: 1,
    modified: 1,
    removed: 2,
  });
  assert.deepEqual(tree.addLayer([file("etc", 7)]), { added: 0, modified: 1, removed: 1 });
});

test("refuses an image with more entries than it has room for, whiteouts of nothing too", () => {
  for (const make of [
    (number: number) => file(`f${number}`, 1),
    (number: number) => whiteout(`f${number}`),
  ]) {
    const many = Array.from({ length: 11 }, (_, number) => make(number));
    assert.throws(() => createImageTree(3000).addLayer(many), /too many files to look into/);
  }
});

test("takes names that are nested deep in time that grows with them", () => {
  const deep = Array.from({ length: 4000 }, (_, depth) =>
    folder(
      Array(depth + 1)
        .fill("d")
        .join("/"),
    ),
  );
  const tree = createImageTree();
  tree.addLayer(deep);
  assert.equal(tree.addLayer([whiteout("d")]).removed, 4000);
  assert.equal(viewLayer([deep]).rows({ open: new Set(["d"]) }).length, 2);
});

test("shows a layer's files with what it did, opened, filtered, and its changes alone", () => {
  const second = [folder("etc"), file("etc/a", 50), whiteout("etc/b"), file("new", 4)];
  const view = viewLayer([base, second]);
  const rows = (choice: Parameters<typeof view.rows>[0]) =>
    view.rows(choice).map(({ path, depth, change, sizeBytes }) => `${depth} ${path} ${change} ${sizeBytes}`);
  assert.deepEqual(rows({ open: new Set() }), ["0 etc modified 50", "0 new added 4", "0 var unchanged 1000"]);
  assert.deepEqual(rows({ open: new Set(["etc"]), changesOnly: true }), [
    "0 etc modified 50",
    "1 etc/a modified 50",
    "1 etc/b removed 0",
    "0 new added 4",
  ]);
  assert.deepEqual(rows({ open: new Set(), filter: "LOG" }), [
    "0 var unchanged 1000",
    "1 var/log unchanged 1000",
  ]);
  assert.deepEqual(
    viewLayer([base, second, []])
      .rows({ open: new Set(["etc"]) })
      .map(({ path }) => path),
    ["etc", "etc/a", "new", "var"],
  );
});

test("agrees with layers that are laid on one another in the plainest way", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = createRandom(seed);
    const names = ["a", "a/x", "a/x/y", "a/z", "b", "b/x"];
    const layers = Array.from({ length: 4 }, () =>
      names.flatMap((name): LayerEntry[] => {
        const kind = random.pick(["none", "file", "directory", "replacing", "whiteout"]);
        if (kind === "none") return [];
        if (kind === "file") return [file(name, random.between(0, 99))];
        if (kind === "whiteout") return [whiteout(name)];
        return [folder(name, kind === "replacing" ? { Replaces: true } : {})];
      }),
    ).map(withoutOrphans);
    const view = viewLayer(layers);
    const shown = view
      .rows({ open: new Set(names) })
      .flatMap(({ path, change, entry: { Kind, Size } }) =>
        change === "removed" ? [] : `${path} ${Kind} ${Size}`,
      );
    assert.deepEqual(shown.sort(), layPlainly(layers).sort(), `seed ${seed}`);
  }
});

/** A layer has no file below a file or below what it removes. */
function withoutOrphans(entries: LayerEntry[]): LayerEntry[] {
  const isFolder = (path: string) => entries.some(({ Path, Kind }) => Path === path && Kind === "directory");
  const parentsOf = (path: string) =>
    path
      .split("/")
      .slice(0, -1)
      .map((_, at, parts) => parts.slice(0, at + 1).join("/"));
  return entries.filter(({ Path }) => parentsOf(Path).every(isFolder));
}

function layPlainly(layers: LayerEntry[][]): string[] {
  const files = new Map<string, string>();
  const removeBelow = (path: string) => {
    for (const one of files.keys()) if (one.startsWith(`${path}/`)) files.delete(one);
  };
  for (const { Path, Kind, Size, Replaces } of layers.flat()) {
    if (Kind !== "directory" || Replaces) removeBelow(Path);
    if (Kind === "whiteout") files.delete(Path);
    else files.set(Path, `${Path} ${Kind} ${Size}`);
  }
  return [...files.values()];
}
