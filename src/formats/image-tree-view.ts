import type { LayerEntry } from "./docker-api/docker-api-layers.ts";
import { createImageTree, type TreeNode } from "./image-tree.ts";

/** An image's tree as its layers up to one of them leave it. */
export interface LayerView {
  /** Those of the root, then, of those that are open, what is in them. */
  rows(choice: RowChoice): TreeRow[];
}

export interface RowChoice {
  /** Paths of the directories that are open. */
  open: ReadonlySet<string>;
  /** Part of a path, in any case; what is found is shown with the directories that it is in. */
  filter?: string;
  /** Leaves out what the layer has not changed. */
  changesOnly?: boolean;
}

export interface TreeRow {
  path: string;
  name: string;
  /** 0 for what is in the root. */
  depth: number;
  entry: LayerEntry;
  /** By this layer; a directory is modified when something in it is changed. */
  change: TreeNode["change"];
  /** Of the file, or of all files below. */
  sizeBytes: number;
  isOpen: boolean;
}

interface Measured {
  sizeBytes: number;
  change: TreeNode["change"];
}

/** @param layers the entries of each, base first; the last is the one that is looked at. @throws RangeError for too many names */
export function viewLayer(layers: readonly Iterable<LayerEntry>[]): LayerView {
  const tree = createImageTree();
  for (const entries of layers) tree.addLayer(entries);
  const layer = layers.length - 1;
  const measured = measure(tree.root, layer);
  const shown = (parent: TreeNode) =>
    [...parent.children.values()].filter((node) => measured.has(node)).sort(byName);

  return {
    rows({ open, filter = "", changesOnly = false }) {
      const found = filter === "" ? undefined : findBelow(tree.root, filter.toLowerCase(), measured);
      const isWanted = (node: TreeNode) =>
        (!found || found.has(node)) && (!changesOnly || measured.get(node)?.change !== "unchanged");
      const rows: TreeRow[] = [];
      const wanted = (parent: TreeNode) => shown(parent).filter(isWanted).reverse();
      const left = wanted(tree.root).map((node) => ({ node, path: node.name, depth: 0 }));
      for (let next = left.pop(); next; next = left.pop()) {
        const { node, path, depth } = next;
        const isOpen = node.children.size > 0 && (found !== undefined || open.has(path));
        const { sizeBytes = 0, change = "unchanged" } = measured.get(node) ?? {};
        rows.push({ path, name: node.name, depth, entry: node.entry, change, sizeBytes, isOpen });
        if (!isOpen) continue;
        for (const child of wanted(node))
          left.push({ node: child, path: `${path}/${child.name}`, depth: depth + 1 });
      }
      return rows;
    },
  };
}

const byName = (one: TreeNode, other: TreeNode) => (one.name < other.name ? -1 : 1);

/** Sizes and changes of all that is there after a layer or removed by it. */
function measure(root: TreeNode, layer: number): Map<TreeNode, Measured> {
  const measured = new Map<TreeNode, Measured>();
  const order: { node: TreeNode; parent: TreeNode }[] = [];
  const left = [root];
  for (let parent = left.pop(); parent; parent = left.pop()) {
    for (const node of parent.children.values()) {
      if (node.change === "removed" && node.layer !== layer) continue;
      order.push({ node, parent });
      left.push(node);
      measured.set(node, {
        sizeBytes: node.change === "removed" ? 0 : node.entry.Size,
        change: node.layer === layer ? node.change : "unchanged",
      });
    }
  }
  // What is deepest comes last.
  for (const { node, parent } of order.reverse()) {
    const [own, above] = [measured.get(node), measured.get(parent)];
    if (!own || !above) continue;
    above.sizeBytes += own.sizeBytes;
    if (own.change !== "unchanged" && above.change === "unchanged") above.change = "modified";
  }
  return measured;
}

/** Names whose path has the text, with the directories that they are in. */
function findBelow(root: TreeNode, text: string, there: ReadonlyMap<TreeNode, Measured>): Set<TreeNode> {
  const found = new Set<TreeNode>();
  const parents = new Map<TreeNode, TreeNode>();
  const left = [root];
  for (let parent = left.pop(); parent; parent = left.pop()) {
    for (const node of parent.children.values()) {
      if (!there.has(node)) continue;
      parents.set(node, parent);
      left.push(node);
      if (!node.entry.Path.toLowerCase().includes(text)) continue;
      for (let one: TreeNode | undefined = node; one && !found.has(one); one = parents.get(one))
        found.add(one);
    }
  }
  return found;
}
