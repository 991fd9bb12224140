import type { BaseImage } from "../../src/build/graph/base-image.ts";
import type { CopyNode, Node } from "../../src/build/graph/nodes.ts";
import { type Plan, planBuild } from "../../src/build/graph/plan.ts";
import { parseBuildOptions } from "../../src/build/options.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { notFound } from "../../src/errors.ts";
import { formatPlatform, parsePlatform } from "../../src/formats/platform.ts";

export interface World {
  /** What a client says, as BuildKit's attributes. */
  attributes?: Record<string, string>;
  /** What images say of themselves, by names; those without are there with nothing to say. */
  images?: Record<string, BaseImage["config"]["config"]>;
  history?: NonNullable<BaseImage["config"]["history"]>;
  named?: Record<string, Node | "image">;
  /** Images that are not there. */
  missing?: string[];
}

export interface Planned extends Plan {
  /** "name@platform" of each image that was looked for. */
  wanted: string[];
}

/** Plans a Dockerfile where every image is there for every platform. */
export async function planDockerfile(text: string, world: World = {}): Promise<Planned> {
  const { attributes = {}, images = {}, history, named = {}, missing = [] } = world;
  const options = parseBuildOptions(new Map(Object.entries(attributes)));
  const wanted: string[] = [];
  const imageOf = (name: string, platform: Plan["platform"]): BaseImage => {
    wanted.push(`${name}@${formatPlatform(platform)}`);
    const rootfs = { type: "layers" as const, diff_ids: [] };
    const config = { ...platform, rootfs, ...(history && { history }), config: images[name] ?? {} };
    return { name, layers: [name], config };
  };
  const [platform = parsePlatform("linux/amd64")] = options.platforms;
  const plan = await planBuild(
    parseDockerfile(text),
    { name: "Dockerfile", text },
    {
      ...{ options, platform },
      sources: {
        context: { kind: "directory", name: "", session: "", directory: "context", ...nothingYet() },
        session: "",
        cdi: { directories: [], list: () => Promise.reject(new Error("no devices")), async close() {} },
        async findImage(name, of) {
          if (missing.includes(name)) throw notFound(`${name}: no such image`);
          return imageOf(name, of);
        },
        async findNamed(name, of) {
          const found = named[name];
          return found === "image" ? imageOf(`context ${name}`, of) : found;
        },
      },
    },
  );
  return { ...plan, wanted };
}

const nothingYet = () => ({ paths: new Set<string>(), excludePatterns: [] });

/** The last step of a plan, where that is a copy. */
export function copyOf({ target }: Plan): CopyNode {
  if (target.kind !== "copy") throw new Error(`${target.kind} is no copy`);
  return target;
}

export const createdBy = ({ config }: Plan): (string | undefined)[] =>
  (config.history ?? []).map((entry) => entry.created_by);
