import type { DirectoryNode } from "../graph/nodes.ts";
import { beginStatus, reportWork } from "../progress.ts";
import { type Outcome, type Solving, vertexOf } from "./solving.ts";

/** Has a client send one of its directories. */
export function receiveDirectory(solving: Solving, node: DirectoryNode): Promise<Outcome> {
  const { report, rooms, signal } = solving;
  const vertex = vertexOf(node);
  return reportWork(report, vertex, async () => {
    const session = await solving.session(node.session);
    const tell = beginStatus(report, vertex.digest, "transferring context:", "transferring");
    const key = session.sharedKey === "" ? undefined : `${session.sharedKey}:${node.directory}`;
    let bytes = 0;
    const tree = await rooms.contexts.receive(key, (visitor) =>
      session.readDirectory(
        {
          name: node.directory,
          excludePatterns: node.excludePatterns,
          ...(node.paths && { followPaths: [...node.paths].sort() }),
        },
        {
          ...visitor,
          data(number, piece) {
            bytes += piece.length;
            tell(bytes);
            return visitor.data(number, piece);
          },
        },
        signal,
      ),
    );
    solving.onClose(tree.release);
    tell(tree.sentBytes, true);
    return { kind: "tree", source: { kind: "stored", path: tree.path } };
  });
}
