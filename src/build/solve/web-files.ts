import { join } from "node:path";
import { redactAddresses } from "../../formats/redact-address.ts";
import { createJobRunner } from "../../sys/jobs.ts";
import type { HttpNode } from "../graph/nodes.ts";
import { reportWork } from "../progress.ts";
import { type FetchedSource, type Outcome, type SolveRooms, type Solving, vertexOf } from "./solving.ts";
import { findWebLogin } from "./web-login.ts";

/** Fetches mostly wait. */
const fetching = { threads: 2, each: 64 };

export function startFetches(): SolveRooms["fetches"] {
  return createJobRunner("build/solve/fetches.worker", fetching.threads, fetching.each);
}

/** Fetches a file of the web. */
export function fetchNode(solving: Solving, node: HttpNode): Promise<Outcome> {
  return reportWork(solving.report, vertexOf(node), async () => {
    const path = await fetchFolder(solving, node);
    return { kind: "tree", source: { kind: "folder", path } };
  });
}

/** @returns a folder of its own with the file, which is there until the build is over @throws EngineError */
export async function fetchFolder(
  { rooms, signal, session, onClose, fetched }: Solving,
  { url, checksum, filename }: HttpNode,
): Promise<string> {
  const folder = rooms.folders.make();
  onClose(folder.release);
  const target = join(folder.path, filename);
  const { proxies } = rooms.images.registries.settings;
  const authorization = await findWebLogin(session, url);
  const job = {
    ...{ url, target, proxies },
    ...(checksum !== undefined && { checksum }),
    ...(authorization !== undefined && { authorization }),
  };
  noteFile(fetched, url, await rooms.fetches.run(job, signal));
  return folder.path;
}

/** @param sha256 of its content, in hexadecimal */
export function noteFile(fetched: FetchedSource[], url: string, sha256: string): void {
  const uri = redactAddresses(url);
  if (!fetched.some((one) => one.uri === uri)) fetched.push({ uri, digest: { sha256 } });
}
