import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { findInLayout } from "../../client/build/content-store.ts";
import { newBuildId } from "../../client/build/session.ts";
import { messageOf } from "../../errors.ts";
import { isDigest } from "../../formats/digest.ts";
import { ExitError } from "../command.ts";

/** What names stand for in a Dockerfile, for the builder. */
export interface NamedContexts {
  /** By "context:NAME". */
  attributes: Map<string, string>;
  /** By the name that the builder asks for. */
  directories: Map<string, string>;
  layouts: Map<string, string>;
}

/** The builder's names for the context itself. */
const taken = ["context", "dockerfile"];
const layoutScheme = "oci-layout://";

/** @param given pairs of `--build-context`: a directory, an address, an image or a layout @throws ExitError */
export function namedContextsOf(given: readonly (readonly [name: string, place: string])[]): NamedContexts {
  const contexts: NamedContexts = { attributes: new Map(), directories: new Map(), layouts: new Map() };
  for (const [name, place] of given) {
    const said = place.startsWith(layoutScheme)
      ? openLayout(contexts, place)
      : isAddress(place)
        ? place
        : openDirectory(contexts, name, place);
    contexts.attributes.set(`context:${name}`, said);
  }
  return contexts;
}

const isAddress = (place: string) => /^[a-z-]+:\/\//.test(place) || /^[\w.-]+@[^/:]+:/.test(place);

function openDirectory({ directories }: NamedContexts, name: string, place: string): string {
  if (!statSync(place, { throwIfNoEntry: false })?.isDirectory())
    throw new ExitError(1, `failed to find build context ${name}: ${place} is no directory`);
  const local = taken.includes(name) ? `_${name}` : name;
  directories.set(local, resolve(place));
  return `local:${local}`;
}

/** "oci-layout://PATH[:TAG][@DIGEST]". The builder is given a name of the directory, and never its path. */
function openLayout({ layouts }: NamedContexts, place: string): string {
  const [withTag = "", given] = place.slice(layoutScheme.length).split("@", 2);
  const [path = "", tag = "latest"] = withTag.split(":", 2);
  const refuse = (why: string) =>
    new ExitError(1, `oci-layout reference ${JSON.stringify(place)} could not be resolved: ${why}`);
  if (!existsSync(join(path, "index.json"))) throw refuse(`${path} is no OCI layout`);
  let digest = given;
  try {
    digest ??= findInLayout(path, tag);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  if (digest === undefined) throw refuse(`it has nothing that is tagged ${JSON.stringify(tag)}`);
  if (!isDigest(digest)) throw refuse(`invalid digest ${JSON.stringify(digest)}`);
  const store = newBuildId();
  layouts.set(store, resolve(path));
  return `${layoutScheme}${store}:${tag}@${digest}`;
}
