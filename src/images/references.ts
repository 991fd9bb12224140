import { EngineError } from "../errors.ts";
import {
  formatReference,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../formats/reference.ts";
import type { State } from "../state/state.ts";

/** What images are called: each name stands for one image, an image has any number of names. */
export interface References {
  /** The id behind a name. */
  find(reference: Reference): string | undefined;
  /** All names of an image, sorted. */
  of(id: string): readonly Reference[];
  /** All tags of a reference's repository, with what they name. */
  tagsOf(repository: Reference): { id: string; reference: Reference }[];
  set(reference: Reference, id: string): void;
  remove(reference: Reference): void;
}

interface Name {
  id: string;
  reference: Reference;
}

/** Opens the stored names; those of images that are not there any more are dropped. */
export function openReferences(state: State, hasImage: (id: string) => boolean): References {
  const records = state.records<{ id: string }>("references");
  const names = new Map<string, Name>();
  const byImage = new Map<string, Reference[]>();

  function index(id: string): void {
    const own = [...names].filter(([, name]) => name.id === id).sort(([a], [b]) => (a < b ? -1 : 1));
    if (own.length > 0)
      byImage.set(
        id,
        own.map(([, { reference }]) => reference),
      );
    else byImage.delete(id);
  }

  for (const [key, { id }] of records.load()) {
    const reference = hasImage(id) ? readKey(key) : undefined;
    if (reference) names.set(key, { id, reference });
    else records.delete(key);
  }
  for (const id of new Set([...names.values()].map((name) => name.id))) index(id);

  return {
    find: (reference) => names.get(keyOf(reference))?.id,
    of: (id) => byImage.get(id) ?? [],
    tagsOf: (repository) =>
      [...names.values()].filter(
        ({ reference }) => reference.tag && repositoryOf(reference) === repositoryOf(repository),
      ),
    set(reference, id) {
      const key = keyOf(reference);
      const previous = names.get(key);
      records.put(key, { id });
      names.set(key, { id, reference: parseReference(key) });
      if (previous) index(previous.id);
      index(id);
    },
    remove(reference) {
      const key = keyOf(reference);
      const previous = names.get(key);
      records.delete(key);
      names.delete(key);
      if (previous) index(previous.id);
    },
  };
}

/** With a digest the tag says nothing more. */
function keyOf(reference: Reference): string {
  const { domain, path, digest } = reference;
  return formatReference(digest ? { domain, path, digest } : withDefaultTag(reference));
}

function readKey(key: string): Reference | undefined {
  try {
    return parseReference(key);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
