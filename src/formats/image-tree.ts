import type { LayerEntry } from "./docker-api/docker-api-layers.ts";

/** A name in an image's tree, and what the layers so far have made of it. */
export interface TreeNode {
  readonly name: string;
  /** As the last layer left it that had it; of a removed one, as it was. */
  entry: LayerEntry;
  /** What `layer` did to it. */
  change: "added" | "modified" | "removed" | "unchanged";
  /** Number of the last layer that changed it, the base being 0. */
  layer: number;
  readonly children: Map<string, TreeNode>;
  /** What layers have stored under this name. */
  readonly stored: StoredFile[];
  /** What it shows now; undefined for what is no file. */
  shown: StoredFile | undefined;
}

/** A file's bytes in a layer, which several names may show. */
interface StoredFile {
  sizeBytes: number;
  names: number;
}

/** How many names a layer adds, modifies and removes. */
export interface ChangeCounts {
  added: number;
  modified: number;
  removed: number;
}

/** What layers make when they lie on one another. */
export interface ImageTree {
  readonly root: TreeNode;
  /** Takes the entries of the next layer, parents before what is in them. @throws RangeError when the image has too many of them */
  addLayer(entries: Iterable<LayerEntry>): ChangeCounts;
}

/** What an entry costs beside its path, in memory or in time. */
const usualNameBytes = 300;
const mostBytes = 1e9;

/** @param limit bytes that all entries may cost */
export function createImageTree(limit = mostBytes): ImageTree {
  const root = makeNode("", directoryAt(""), 0);
  let layer = -1;
  let cost = 0;
  let counts: ChangeCounts = { added: 0, modified: 0, removed: 0 };

  function makeChild(parent: TreeNode, name: string, entry: LayerEntry): TreeNode {
    const made = makeNode(name, entry, layer);
    parent.children.set(name, made);
    return made;
  }

  /** Parents come first, so one that is missing is an entry that was left out. */
  function findParent(names: readonly string[]): TreeNode {
    let node = root;
    for (let depth = 0; depth < names.length - 1; depth++) {
      const name = names[depth] ?? "";
      node =
        node.children.get(name) ?? makeChild(node, name, directoryAt(names.slice(0, depth + 1).join("/")));
    }
    return node;
  }

  function remove(node: TreeNode): void {
    if (node.change === "removed") return;
    mark(node, "removed");
    removeChildren(node);
  }

  /** Without recursion: names may be nested as deep as they like. */
  function removeChildren(parent: TreeNode): void {
    const left = [...parent.children.values()];
    for (let node = left.pop(); node; node = left.pop()) {
      if (node.change === "removed") continue;
      mark(node, "removed");
      left.push(...node.children.values());
    }
  }

  function mark(node: TreeNode, change: "added" | "modified" | "removed"): void {
    if (change === "removed") show(node, undefined);
    node.change = change;
    node.layer = layer;
    counts[change]++;
  }

  function add(entry: LayerEntry): void {
    cost += usualNameBytes + entry.Path.length;
    if (cost > limit) throw new RangeError("the image has too many files to look into");
    const names = entry.Path.split("/");
    const parent = findParent(names);
    const name = names.at(-1) ?? "";
    const present = parent.children.get(name);
    if (entry.Kind === "whiteout") {
      if (present) remove(present);
      return;
    }
    const node = present ?? makeChild(parent, name, entry);
    const isThere = present !== undefined && present.change !== "removed";
    if (isThere && (entry.Kind !== "directory" || entry.Replaces)) removeChildren(node);
    if (!isThere) mark(node, "added");
    else if (entry.Kind !== "directory" || isChangedDirectory(node.entry, entry)) mark(node, "modified");
    node.entry = entry;
    if (entry.Kind === "file") {
      const file = { sizeBytes: entry.Size, names: 0 };
      node.stored.push(file);
      show(node, file);
    } else show(node, entry.Kind === "hardlink" ? findFile(root, entry.Target ?? "") : undefined);
  }

  return {
    root,
    addLayer(entries) {
      layer++;
      counts = { added: 0, modified: 0, removed: 0 };
      for (const entry of entries) add(entry);
      return counts;
    },
  };
}

/** One that no layer lists. */
const directoryAt = (Path: string): LayerEntry => ({
  ...{ Path, Kind: "directory", Mode: 0o755, UID: 0, GID: 0, Size: 0 },
});

function show(node: TreeNode, file: StoredFile | undefined): void {
  if (node.shown) node.shown.names--;
  node.shown = file;
  if (file) file.names++;
}

/** The other name of a hard link, which comes before it. */
function findFile(root: TreeNode, path: string): StoredFile | undefined {
  let node: TreeNode | undefined = root;
  for (const name of path.split("/")) node = node?.children.get(name);
  return node?.shown;
}

function makeNode(name: string, entry: LayerEntry, layer: number): TreeNode {
  return { name, entry, change: "added", layer, children: new Map(), stored: [], shown: undefined };
}

/** A layer lists a directory on the way to what it changes, too. */
function isChangedDirectory(before: LayerEntry, now: LayerEntry): boolean {
  return (
    before.Kind !== "directory" ||
    before.Mode !== now.Mode ||
    before.UID !== now.UID ||
    before.GID !== now.GID ||
    now.Replaces === true
  );
}

/** Every node below, parents first. */
export function* allNodes(parent: TreeNode): Generator<TreeNode> {
  const left = [...parent.children.values()];
  for (let node = left.pop(); node; node = left.pop()) {
    yield node;
    for (const child of node.children.values()) left.push(child);
  }
}

/** Bytes that layers store under this name and no name of the image shows. */
export function wastedBytes({ stored }: TreeNode): number {
  return stored.reduce((sum, { sizeBytes, names }) => sum + (names === 0 ? sizeBytes : 0), 0);
}
