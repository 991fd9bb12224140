import { invalid } from "../../errors.ts";
import { parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { formatReference, parseReference } from "../../formats/reference.ts";
import type { BaseImage } from "../graph/base-image.ts";
import { gitNode, isGitAddress } from "../graph/git-address.ts";
import type { DirectoryNode, Node } from "../graph/nodes.ts";
import { httpNode, isHttpAddress } from "../graph/plan-remote.ts";
import { type BuildOptions, contextName } from "../options.ts";
import type { Solving } from "../solve/solving.ts";
import { type FoundImage, findBaseImage, keepLayers } from "./find-image.ts";
import { findLayoutImage, parseLayoutAddress } from "./layout-context.ts";
import { loadFiles } from "./load-dockerfile.ts";
import { type ClientInputs, createdOf } from "./planned-image.ts";

interface Named {
  name: string;
  platform: Platform;
  bases: Map<BaseImage, FoundImage>;
  findInput: ClientInputs["findInput"];
  /** Directories of the plan, by names. */
  directories: Map<string, Promise<DirectoryNode>>;
}

/** What the client has said that a name stands for: `--build-context name=…`. */
export async function findNamed(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  { name: given, platform, bases, findInput, directories }: Named,
): Promise<BaseImage | Node | undefined> {
  const name = contextName(given);
  const key = [`${name}::${formatPlatform(platform)}`, name].find((one) => options.namedContexts.has(one));
  const address = key === undefined ? undefined : options.namedContexts.get(key);
  if (address === undefined) return undefined;
  if (isGitAddress(address))
    return { ...gitNode(address), name: `[context ${name}] load git source ${redactAddresses(address)}` };
  if (isHttpAddress(address))
    return { ...httpNode(address), name: `[context ${name}] ${redactAddresses(address)}` };
  const colon = address.indexOf(":");
  const [scheme, rest] = [address.slice(0, colon), address.slice(colon + 1)];
  if (scheme === "docker-image" && rest.replace(/^\/\//, "") === "scratch")
    return { kind: "scratch", name: "" };
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
  if (scheme === "oci-layout") {
    const address = parseLayoutAddress(rest);
    const shown = formatReference({ ...parseReference(name), digest: address.digest });
    const found = await findLayoutImage(solving, { ...address, name, shown, platform, session: sessionId });
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
    const id = JSON.stringify([key, formatPlatform(platform)]);
    const said = { name, directory: rest.replace(/^\/\//, "") };
    const found = directories.get(id) ?? findDirectory(solving, options, sessionId, said);
    directories.set(id, found);
    return found;
  }
  throw invalid(`unsupported context source ${scheme} for ${name}`);
}

/** A directory of the client's, without what its own .dockerignore names. What uses it says which paths it needs. */
async function findDirectory(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  { name, directory }: { name: string; directory: string },
): Promise<DirectoryNode> {
  const session = options.sessions.get(directory) ?? sessionId;
  const title = `[context ${name}] load .dockerignore`;
  const names = [".dockerignore"];
  const files = await loadFiles(solving, { sessionId: session, title, directory, names });
  return {
    kind: "directory",
    name: `[context ${name}] load from client`,
    session,
    directory,
    paths: new Set(),
    excludePatterns: parseIgnoreFile(files.get(".dockerignore") ?? ""),
  };
}
