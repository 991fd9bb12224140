import { createHash } from "node:crypto";
import { redactAddresses } from "../../formats/redact-address.ts";
import type { CacheRecord } from "../cache/record.ts";
import { chainBelow } from "../cache/step-cache.ts";
import type { HttpNode, Node } from "../graph/nodes.ts";
import { isLinked, type Step } from "../graph/steps.ts";
import { reportCached } from "../progress.ts";
import { placeStep } from "./place-step.ts";
import { type Solver, type Solving, vertexOf } from "./solving.ts";
import { noteFile } from "./web-files.ts";

/*
 * `ADD --checksum=sha256:… https://…` says itself what comes, so that a copy of it is found without the network, as with BuildKit.
 */

type Pledged = HttpNode & { checksum: string };

const isPledged = (node: Node): node is Pledged =>
  node.kind === "http" && /^sha256:[0-9a-f]{64}$/.test(node.checksum ?? "");

/** What is copied, where the Dockerfile says of all of it what it is. */
function pledgedOf(node: Step): Pledged[] | undefined {
  if (node.kind !== "copy" || node.ignoresCache) return undefined;
  const files = node.parts.map(({ from }) => from);
  return files.length > 0 && files.every(isPledged) ? files : undefined;
}

/** All that such a copy depends on but its base. */
function pledgedKey(node: Step): string | undefined {
  if (node.kind !== "copy" || !pledgedOf(node)) return undefined;
  const { destination, chown, chmod, exclude, parents, isLinked } = node;
  const parts = node.parts.map(({ from, selections, unpack }) => {
    const { url, filename, checksum } = from as Pledged;
    return [redactAddresses(url), filename, checksum, selections, unpack];
  });
  const said = { destination, chown, chmod, exclude, parents, parts, isLinked };
  return createHash("sha256")
    .update(JSON.stringify(["pledged", said]))
    .digest("hex");
}

/** Has what a step made be found by what the Dockerfile says of its files. */
export function noteUnfetched({ rooms }: Solving, node: Step, record: CacheRecord): void {
  const key = pledgedKey(node);
  if (key !== undefined) rooms.cache.addKey(record, key);
}

/** What a copy of files of the web has made before; they are not fetched for that. */
export async function findUnfetched(
  solving: Solving,
  solver: Solver,
  node: Step,
): Promise<CacheRecord | undefined> {
  const key = pledgedKey(node);
  // Otherwise they are fetched while what is below is done.
  if (key === undefined || !solving.rooms.cache.find(key, "")) return undefined;
  const found = await findOn(solving, node, key, await solver.layersOf(node.base));
  if (!found) return undefined;
  for (const file of new Set(pledgedOf(node))) {
    noteFile(solving.fetched, file.url, file.checksum.slice("sha256:".length));
    if (file.name !== "" && !solver.isBegun(file)) reportCached(solving.report, vertexOf(file));
  }
  return found;
}

async function findOn(
  solving: Solving,
  node: Step,
  key: string,
  below: string[],
): Promise<CacheRecord | undefined> {
  const base = below.at(-1) ?? "";
  const here = solving.rooms.cache.find(key, base);
  if (!here || chainBelow(here) === base) return here;
  if (!isLinked(node)) return undefined;
  const wanted = { key: here.key, below, isLinked: true, name: node.name };
  const placed = await placeStep(solving, here, wanted);
  if (placed) noteUnfetched(solving, node, placed);
  return placed;
}
