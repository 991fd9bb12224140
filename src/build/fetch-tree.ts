import type { GitNode, HttpNode } from "./graph/nodes.ts";
import { openSolving, type SolvingRequest } from "./open-solving.ts";
import { reportWork } from "./progress.ts";
import { fetchGitTree } from "./solve/git-tree.ts";
import type { SolveRooms } from "./solve/solving.ts";
import { vertexOf } from "./solve/solving.ts";
import { fetchFolder } from "./solve/web-files.ts";

/** What was fetched, as a folder. */
export interface FetchedTree {
  path: string;
  /** Removes it. */
  close(): void;
}

/** Fetches a repository, or a file of the web into a folder of its own. @throws EngineError */
export async function fetchTree(
  rooms: SolveRooms,
  request: SolvingRequest,
  node: HttpNode | GitNode,
): Promise<FetchedTree> {
  const { solving, close } = openSolving(rooms, request);
  try {
    const path = await reportWork(solving.report, vertexOf(node), () =>
      node.kind === "git" ? fetchGitTree(solving, node) : fetchFolder(solving, node),
    );
    return { path, close };
  } catch (error) {
    close();
    throw error;
  }
}
