import { EngineError } from "../../errors.ts";
import {
  formatReference,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../../formats/reference.ts";
import type { State } from "../../state/state.ts";
import { referenceKind } from "./kinds.ts";

/** What images are called: each name stands for one image, an image has any number of names. */
export interface References {
  /** The id behind a name. */
  find(reference: Reference): string | undefined;
  /** All names of an image, sorted. */
  of(id: string): readonly Reference[];
  /** Those of its names that are in a reference's repository. */
  inRepository(id: string, repository: Reference): readonly Reference[];
  /** All tags of a reference's repository, with what they name. */
  tagsOf(repository: Reference): { id: string; reference: Reference }[];
  /** @param alongside writes that are stored with it, or not at all */
  set(reference: Reference, id: string, alongside?: () => void): void;
  remove(reference: Reference): void;
  /** How often they have changed. */
  changes(): number;
}

interface Name {
  id: string;
  reference: Reference;
}

/** Opens the stored names; those of images that are not there any more are dropped. */
export function openReferences(state: State, hasImage: (id: string) => boolean): References {
  const records = state.records(referenceKind);
  const names = new Map<string, Name>();
  const byImage = createIndex();
  const byRepository = createIndex();
  const byBoth = createIndex();
  let changes = 0;
  const both = (id: string, reference: Reference) => `${id} ${repositoryOf(reference)}`;

  function put(key: string, id: string, reference: Reference): void {
    changes++;
    names.set(key, { id, reference });
    byImage.add(id, key, reference);
    byRepository.add(repositoryOf(reference), key, reference);
    byBoth.add(both(id, reference), key, reference);
  }

  function take(key: string): void {
    const known = names.get(key);
    if (!known) return;
    changes++;
    names.delete(key);
    byImage.remove(known.id, key);
    byRepository.remove(repositoryOf(known.reference), key);
    byBoth.remove(both(known.id, known.reference), key);
  }

  for (const [key, { id }] of records.load()) {
    const reference = hasImage(id) ? readKey(key) : undefined;
    if (reference) put(key, id, reference);
    else records.delete(key);
  }

  return {
    find: (reference) => names.get(keyOf(reference))?.id,
    changes: () => changes,
    of: byImage.of,
    inRepository: (id, repository) => byBoth.of(both(id, repository)),
    tagsOf: (repository) =>
      byRepository.of(repositoryOf(repository)).flatMap((reference) => {
        const id = names.get(keyOf(reference))?.id;
        return reference.tag && id ? { id, reference } : [];
      }),
    set(reference, id, alongside = () => {}) {
      // What is stored is what is read again.
      const parsed = parseReference(formatReference(reference));
      const key = keyOf(parsed);
      state.transaction(() => {
        records.put(key, { id });
        alongside();
      });
      take(key);
      put(key, id, parseReference(key));
    },
    remove(reference) {
      const key = keyOf(reference);
      records.delete(key);
      take(key);
    },
  };
}

interface Group {
  byKey: Map<string, Reference>;
  /** In order; sorted at the first request. */
  sorted?: { keys: string[]; references: Reference[] };
}

/** Names by what they have in common. */
function createIndex() {
  const groups = new Map<string, Group>();
  return {
    of(name: string): readonly Reference[] {
      const group = groups.get(name);
      if (!group) return [];
      group.sorted ??= sort(group.byKey);
      return group.sorted.references;
    },
    add(name: string, key: string, reference: Reference): void {
      const group = groups.get(name) ?? { byKey: new Map<string, Reference>() };
      group.byKey.set(key, reference);
      delete group.sorted;
      groups.set(name, group);
    },
    remove(name: string, key: string): void {
      const group = groups.get(name);
      if (!group?.byKey.delete(key)) return;
      if (group.byKey.size === 0) groups.delete(name);
      if (!group.sorted) return;
      // What is left is in order still. Who has the list goes on with it.
      const { keys, references } = group.sorted;
      const at = findIn(keys, key);
      group.sorted = { keys: keys.toSpliced(at, 1), references: references.toSpliced(at, 1) };
    },
  };
}

function sort(byKey: ReadonlyMap<string, Reference>): NonNullable<Group["sorted"]> {
  const keys = [...byKey.keys()].sort();
  return { keys, references: keys.map((key) => byKey.get(key) as Reference) };
}

/** Where in a sorted list, which has it. */
function findIn(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
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
