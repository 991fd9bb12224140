import { EngineError, notFound } from "../../errors.ts";
import { isDigest } from "../../formats/digest.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { ImageRecord } from "./kinds.ts";
import type { References } from "./references.ts";

/** By what an image can be found. */
interface Known {
  images: ReadonlyMap<string, ImageRecord>;
  references: References;
}

/** By id, unambiguous beginning of an id, name[:tag] or name@digest. Nothing for what cannot be a name. */
export function findImage(names: Known, name: string): ImageRecord | undefined {
  try {
    return lookUp(names, name);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** @throws EngineError notFound; invalid for what cannot be a name */
export function getImage(names: Known, name: string): ImageRecord {
  const image = lookUp(names, name);
  if (image) return image;
  const isId = isDigest(name) || /^[0-9a-f]{64}$/.test(name);
  throw notFound(`No such image: ${isId ? name : formatFamiliar(withDefaultTag(parseReference(name)))}`);
}

function lookUp({ images, references }: Known, name: string): ImageRecord | undefined {
  const byId = images.get(name);
  if (byId || isDigest(name)) return byId;
  if (/^[0-9a-f]{64}$/.test(name)) return images.get(`sha256:${name}`);
  const reference = parseReference(name);
  const known = references.find(reference);
  if (known) return images.get(known);
  // By its own digest an image is known in each repository where it has a name.
  const own = images.get(reference.digest ?? "");
  return own && references.inRepository(own.id, reference).length > 0 ? own : findByPrefix(images, name);
}

function findByPrefix(images: Known["images"], name: string): ImageRecord | undefined {
  const prefix = name.startsWith("sha256:") ? name : `sha256:${name}`;
  if (!/^sha256:[0-9a-f]+$/.test(prefix)) return undefined;
  const matches = [...images.values()].filter(({ id }) => id.startsWith(prefix));
  return matches.length === 1 ? matches[0] : undefined;
}
