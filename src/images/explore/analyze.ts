import { invalid } from "../../errors.ts";
import type { AnalyzedLayer, ImageAnalysis, LayerEntry } from "../../formats/docker-api/docker-api-layers.ts";
import { allNodes, createImageTree, wastedBytes } from "../../formats/image-tree.ts";
import { listLayer } from "../../trees/list-layer.ts";

/** What is found out by looking into the layers' files. */
export type FileAnalysis = Omit<ImageAnalysis, "Image" | "Layers"> & {
  layers: Pick<AnalyzedLayer, "Size" | "Added" | "Modified" | "Removed">[];
};

const shownPaths = 100;

/**
 * Lays the layers on one another and counts. Synchronous, for a worker thread.
 * @param directories base first @param checkWanted is called for each file, and throws when the answer is wanted no more
 * @throws invalid for an image with too many files
 */
export function analyzeFiles(directories: readonly string[], checkWanted = () => {}): FileAnalysis {
  const tree = createImageTree();
  const layers = directories.map((directory) => {
    let Size = 0;
    function* measured(): Generator<LayerEntry> {
      for (const entry of listLayer(directory)) {
        checkWanted();
        Size += entry.Size;
        yield entry;
      }
    }
    const { added: Added, modified: Modified, removed: Removed } = addLayer(tree, measured());
    return { Size, Added, Modified, Removed };
  });
  const wasted = [...allNodes(tree.root)].flatMap((node) => {
    const Bytes = wastedBytes(node);
    return Bytes > 0 ? [{ Path: node.entry.Path, Copies: node.stored.length, Bytes }] : [];
  });
  const Size = layers.reduce((sum, layer) => sum + layer.Size, 0);
  const WastedBytes = wasted.reduce((sum, { Bytes }) => sum + Bytes, 0);
  return {
    ...{ layers, Size, WastedBytes, WastedFiles: wasted.length },
    Efficiency: Size > 0 ? 1 - WastedBytes / Size : 1,
    UserWastedPercent: WastedBytes > 0 ? WastedBytes / (Size - (layers[0]?.Size ?? 0) || Size) : 0,
    Wasted: wasted.sort((one, other) => other.Bytes - one.Bytes).slice(0, shownPaths),
  };
}

function addLayer(tree: ReturnType<typeof createImageTree>, entries: Iterable<LayerEntry>) {
  try {
    return tree.addLayer(entries);
  } catch (error) {
    throw error instanceof RangeError ? invalid(error.message, error) : error;
  }
}

const pieceBytes = 64 * 1024;

/** A layer's entries as lines of JSON, many in a piece. Synchronous, for a worker thread. */
export function* encodeEntries(directory: string): Generator<Buffer> {
  let lines = "";
  for (const entry of listLayer(directory)) {
    lines += `${JSON.stringify(entry)}\n`;
    if (lines.length < pieceBytes) continue;
    yield Buffer.from(lines);
    lines = "";
  }
  if (lines !== "") yield Buffer.from(lines);
}
