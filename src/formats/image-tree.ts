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
  /** How many layers have stored a file here. */
  copies: number;
  /** Bytes of all of these. */
  storedBytes: number;
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
  /** Takes the entries of the next layer, parents before what is in them. @throws RangeError when the image has too many names */
  addLayer(entries: Iterable<LayerEntry>): ChangeCounts;
}

/** A name costs some 300 bytes. */
const mostNodes = 3_000_000;

export function createImageTree(limit = mostNodes): ImageTree {
  const root = makeNode("", { Path: "", Kind: "directory", Mode: 0o755, UID: 0, GID: 0, Size: 0 }, 0);
  let layer = -1;
  let nodes = 0;
  let counts: ChangeCounts = { added: 0, modified: 0, removed: 0 };

  function makeChild(parent: TreeNode, name: string, entry: LayerEntry): TreeNode {
    if (++nodes > limit) throw new RangeError(`the image has more than ${limit} files`);
    const made = makeNode(name, entry, layer);
    parent.children.set(name, made);
    return made;
  }

  /** Parents come first, so one that is missing is an entry that was left out. */
  function findParent(names: readonly string[]): TreeNode {
    return names.slice(0, -1).reduce((node, name, depth) => {
      const path = names.slice(0, depth + 1).join("/");
      return node.children.get(name) ?? makeChild(node, name, { ...root.entry, Path: path });
    }, root);
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
    node.change = change;
    node.layer = layer;
    counts[change]++;
  }

  function add(entry: LayerEntry): void {
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
    if (entry.Kind !== "file") return;
    node.copies++;
    node.storedBytes += entry.Size;
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

function makeNode(name: string, entry: LayerEntry, layer: number): TreeNode {
  return { name, entry, change: "added", layer, children: new Map(), copies: 0, storedBytes: 0 };
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

/** Bytes that layers store here and the image does not show. */
export function wastedBytes({ entry, change, storedBytes }: TreeNode): number {
  const isShown = change !== "removed" && entry.Kind === "file";
  return storedBytes - (isShown ? entry.Size : 0);
}
