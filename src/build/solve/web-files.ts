import { join } from "node:path";
import type { HttpNode } from "../graph/nodes.ts";
import { reportWork } from "../progress.ts";
import { type Outcome, type Solving, vertexOf } from "./solving.ts";

/** Fetches a file of the web into a folder of its own. */
export function fetchNode({ rooms, report, signal, onClose }: Solving, node: HttpNode): Promise<Outcome> {
  return reportWork(report, vertexOf(node), async () => {
    const folder = rooms.folders.make();
    onClose(folder.release);
    const { url, checksum } = node;
    const target = join(folder.path, node.filename);
    await rooms.files.run(
      { kind: "fetch", url, target, ...(checksum !== undefined && { checksum }) },
      signal,
    );
    return { kind: "tree", source: { kind: "folder", path: folder.path } };
  });
}
