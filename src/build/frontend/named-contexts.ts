import { invalid } from "../../errors.ts";
import { parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import type { BaseImage } from "../graph/base-image.ts";
import { gitNode, isGitAddress } from "../graph/git-address.ts";
import type { DirectoryNode, Node } from "../graph/nodes.ts";
import type { BuildOptions } from "../options.ts";
import type { Solving } from "../solve/solving.ts";
import { type FoundImage, findBaseImage, keepLayers } from "./find-image.ts";
import { loadFiles } from "./load-dockerfile.ts";
import { type ClientInputs, createdOf } from "./planned-image.ts";

interface Named {
  name: string;
  platform: Platform;
  bases: Map<BaseImage, FoundImage>;
  findInput: ClientInputs["findInput"];
}

/** What the client has said that a name stands for: `--build-context name=…`. */
export async function findNamed(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  { name, platform, bases, findInput }: Named,
): Promise<BaseImage | Node | undefined> {
  const key = [`${name}::${formatPlatform(platform)}`, name].find((one) => options.namedContexts.has(one));
  const address = key === undefined ? undefined : options.namedContexts.get(key);
  if (address === undefined) return undefined;
  if (isGitAddress(address))
    return { ...gitNode(address), name: `[context ${name}] load git source ${redactAddresses(address)}` };
  const colon = address.indexOf(":");
  const [scheme, rest] = [address.slice(0, colon), address.slice(colon + 1)];
  if (scheme === "docker-image") {
    const found = await findBaseImage(
      solving,
      options,
      rest.replace(/^\/\//, ""),
      platform,
      `context ${name}`,
    );
    bases.set(found.base, found);
    return found.base;
  }
  if (scheme === "input" && findInput) {
    const { image, layers, createdAt } = await findInput(rest);
    const created = createdOf(image, createdAt);
    const base: BaseImage = { config: { ...image.config, ...(created && { created }) }, layers, name };
    keepLayers(solving, layers);
    bases.set(base, { base, content: image.baseContent });
    return base;
  }
  if (scheme === "local") {
    const directory = rest.replace(/^\/\//, "");
    const session = options.sessions.get(directory) ?? sessionId;
    const title = `[context ${name}] load .dockerignore`;
    const files = await loadFiles(solving, {
      sessionId: session,
      title,
      directory,
      names: [".dockerignore"],
    });
    const node: DirectoryNode = {
      kind: "directory",
      name: `[context ${name}] load from client`,
      session,
      directory,
      paths: undefined,
      excludePatterns: parseIgnoreFile(files.get(".dockerignore") ?? ""),
    };
    return node;
  }
  throw invalid(`unsupported context source ${scheme} for ${name}`);
}
