import { chainIdOf, chainIds, type Digest } from "../../formats/digest.ts";
import { chainBelow } from "../cache/step-cache.ts";
import { digestOfNode, type Node, nodesOf } from "../graph/nodes.ts";
import { inputsBesideBase, isLinked, isStep, type Step } from "../graph/steps.ts";
import type { ExportedLayer, ExportedStep } from "../remote-cache/exported-step.ts";
import type { ImportedStep } from "../remote-cache/read-cache.ts";
import type { Definitions } from "./definitions.ts";
import type { Outcome, Solver, Solving } from "./solving.ts";
import { keyOfStep } from "./step-keys.ts";

interface Listing {
  solving: Solving;
  solver: Solver;
  definitions: Definitions;
  /** What has been solved, by the nodes' digests. */
  known: ReadonlyMap<string, Promise<Outcome>>;
}

/**
 * Steps that have been done, in this build or elsewhere. One that was not needed, since what is copied of it was there already, is
 * looked up and not done.
 * @param all also those of other stages
 */
export async function listSteps(listing: Listing, target: Node, all: boolean): Promise<ExportedStep[]> {
  const found = new Map<Node, Promise<ExportedStep | undefined>>();
  const find = (node: Step): Promise<ExportedStep | undefined> => {
    const step = found.get(node) ?? findStep(listing, node, find);
    found.set(node, step);
    return step;
  };
  const nodes = all ? nodesOf(target) : lineOf(target);
  const steps = await Promise.all(nodes.filter(isStep).map(find));
  return steps.filter((step) => step !== undefined);
}

/** What a node stands on, itself first. */
function lineOf(target: Node): Node[] {
  const line: Node[] = [];
  for (let node: Node | undefined = target; node; node = isStep(node) ? node.base : undefined)
    line.push(node);
  return line;
}

async function findStep(
  listing: Listing,
  node: Step,
  find: (node: Step) => Promise<ExportedStep | undefined>,
): Promise<ExportedStep | undefined> {
  const { definitions, known, solving } = listing;
  const definition = await definitions.keyOf(node);
  const outcome = await known.get(digestOfNode(node));
  if (outcome?.kind === "layers" && outcome.record) {
    const { key, layers, createdAt } = outcome.record;
    const keys = [...new Set([key, ...(definition === undefined ? [] : [definition])])];
    return { keys, layers: layersHere(solving, layers), createdAt };
  }
  const { base } = node;
  const below = isStep(base)
    ? (await find(base))?.layers
    : base.kind === "image"
      ? layersHere(solving, base.layers)
      : [];
  if (!below) return undefined;
  const key = definition ?? (await keyWithoutWork(listing, node, below));
  return key === undefined ? undefined : findElsewhere(solving, key, below, isLinked(node));
}

/** Where something else would have to be done first it is not known. */
async function keyWithoutWork(
  { solving, solver }: Listing,
  node: Step,
  below: readonly ExportedLayer[],
): Promise<string | undefined> {
  if (inputsBesideBase(node).some(isStep)) return undefined;
  const layers = below.map(({ chainId }) => chainId);
  return keyOfStep(solving, solver, node, layers).catch(() => undefined);
}

async function findElsewhere(
  solving: Solving,
  key: string,
  below: ExportedLayer[],
  isOnAny: boolean,
): Promise<ExportedStep | undefined> {
  const base = below.at(-1)?.chainId ?? "";
  const here = solving.rooms.cache.find(key, base);
  if (here) solving.onClose(solving.rooms.cache.use(here));
  if (here && chainBelow(here) === base)
    return { keys: [key], layers: layersHere(solving, here.layers), createdAt: here.createdAt };
  for (const cache of (await solving.imports) ?? []) {
    const step = cache.find(key);
    const own = step?.chain.at(-1);
    if (!step || !own || !(isOnAny || basedOn(step) === base)) continue;
    const { diffId, blob } = own;
    const chainId = chainIdOf(below.at(-1)?.chainId as Digest | undefined, diffId);
    const layer = { chainId, diffId, elsewhere: { blob, places: step.places } };
    return { keys: [key], layers: [...below, layer], createdAt: step.createdAt };
  }
  return undefined;
}

const basedOn = ({ chain }: ImportedStep) =>
  chainIds(chain.slice(0, -1).map(({ diffId }) => diffId)).at(-1) ?? "";

function layersHere({ rooms }: Solving, chains: readonly string[]): ExportedLayer[] {
  return chains.map((chainId) => ({ chainId, diffId: rooms.images.layerBlobs.diffIdOf(chainId) }));
}
