import { createHash } from "node:crypto";
import type { CopyPart, Node, RunMountNode } from "../graph/nodes.ts";
import { inputsBesideBase, isLinked, isStep, type Step } from "../graph/steps.ts";
import { checksumParts } from "./copy-step.ts";
import { settingsOf } from "./run-node.ts";
import type { Solver, Solving } from "./solving.ts";
import { keyOfWorkdir } from "./workdir-step.ts";

/*
 * What a step depends on, said without doing the steps that it copies from or mounts: by what those do instead of by what they made. So
 * what is taken of another stage is found in a cache that does not have that stage.
 */

/** Steps of a plan by what they do. */
export interface Definitions {
  /** The key of a step that takes something of another one; undefined for others, and where no cache counts. */
  keyOf(node: Node): Promise<string | undefined>;
}

type Part = Pick<CopyPart, "from" | "selections">;

const isOfTree = ({ from }: Part) => !isStep(from) && from.kind !== "image" && from.kind !== "scratch";

export function createDefinitions(solving: Solving, solver: Solver): Definitions {
  const known = new Map<Node, Promise<string | undefined>>();

  function define(node: Node): Promise<string | undefined> {
    const defined = known.get(node) ?? defineAnew(node);
    known.set(node, defined);
    return defined;
  }

  async function defineAnew(node: Node): Promise<string | undefined> {
    if (node.kind === "scratch") return "";
    if (node.kind === "image") return node.layers.at(-1) ?? "";
    if (!isStep(node) || node.ignoresCache) return undefined;
    const base = await define(node.base);
    if (base === undefined) return undefined;
    const said = await describe(node);
    return said === undefined ? undefined : digest([node.kind, base, said]);
  }

  /** Without the base where that does not count. */
  async function defineAlone(node: Step): Promise<string | undefined> {
    if (!isLinked(node) || node.ignoresCache) return define(node);
    const said = await describe(node);
    return said === undefined ? undefined : digest([node.kind, "linked", said]);
  }

  async function describe(node: Step): Promise<unknown> {
    if (node.kind === "workdir") return keyOfWorkdir(node);
    if (node.kind === "copy") {
      const { destination, chown, chmod, exclude, parents, isLinked } = node;
      const described = await describeParts(node.parts, exclude);
      if (described.includes(undefined)) return undefined;
      const parts = node.parts.map(({ unpack }, at) => [described[at], unpack]);
      return { destination, chown, chmod, exclude, parents, parts, isLinked };
    }
    const mounts = await Promise.all(node.mounts.map(describeMount));
    return mounts.includes(undefined) ? undefined : { ...settingsOf(node), mounts };
  }

  async function describeMount(mount: RunMountNode): Promise<unknown> {
    if (!("from" in mount) || !mount.from) return mount;
    const { from, source, ...rest } = mount;
    const selections = [{ pattern: source, hasWildcards: false }];
    const [part] = await describeParts([{ from, selections }], []);
    return part && { ...rest, source, from: part };
  }

  /** A tree by its content, steps and images by what they are. */
  async function describeParts(parts: readonly Part[], exclude: readonly string[]): Promise<unknown[]> {
    const sums = (await checksumParts(solving, solver, parts.filter(isOfTree), exclude)).values();
    return Promise.all(
      parts.map(async (part) => {
        if (isOfTree(part)) return sums.next().value;
        const defined = await define(part.from);
        return defined === undefined ? undefined : { from: defined, selections: part.selections };
      }),
    );
  }

  return {
    async keyOf(node) {
      if (!isStep(node) || !inputsBesideBase(node).some(isStep)) return undefined;
      try {
        const defined = await defineAlone(node);
        return defined && digest(["definition", defined]);
      } catch {
        solving.signal.throwIfAborted();
        // Doing the step will say what is wrong.
        return undefined;
      }
    },
  };
}

const digest = (said: unknown) => createHash("sha256").update(JSON.stringify(said)).digest("hex");
