import { RegistryError } from "./errors.ts";
import { repositoriesFolder, tagsFolder } from "./layout.ts";
import type { Storage } from "./storage.ts";

/** A part of a long list; `isMore` when it goes on. */
export interface Page<T> {
  items: T[];
  isMore: boolean;
}

/** The parameters `n` and `last` of a request for a list. */
export interface PageRequest {
  most: number;
  after: string;
}

export const mostPageBytes = 1 << 20;

/** @throws RegistryError PAGINATION_NUMBER_INVALID */
export function parsePageRequest(query: URLSearchParams, most: number): PageRequest {
  const n = query.get("n");
  if (n !== null && !/^\d+$/.test(n)) {
    throw new RegistryError("PAGINATION_NUMBER_INVALID", `invalid number of results requested: n=${n}`);
  }
  return { most: n === null ? most : Math.min(Number(n), most), after: query.get("last") ?? "" };
}

/** A list from elsewhere in the order that pages are taken in, which goes on after a name: whatever came before it would be lost. */
export function inOrder<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return items.toSorted((one, other) => compare(nameOf(one), nameOf(other)));
}

/** Of a list in order, by the name of each item. */
export function takePage<T>(
  items: readonly T[],
  { most, after }: PageRequest,
  nameOf: (item: T) => string,
): Page<T> {
  const rest = after === "" ? items : items.filter((item) => nameOf(item) > after);
  return { items: rest.slice(0, most), isMore: most > 0 && rest.length > most };
}

/** As much of a page as clients accept, which is four megabytes; at least one item. */
export function shorten<T>({ items, isMore }: Page<T>): Page<T> {
  let bytes = 0;
  const fitting = items.findIndex((item) => {
    const isFull = bytes > mostPageBytes;
    bytes += JSON.stringify(item).length;
    return isFull;
  });
  return fitting < 0 ? { items, isMore } : { items: items.slice(0, fitting), isMore: true };
}

/** The tags of a repository in order. @throws RegistryError NAME_UNKNOWN */
export async function listTags(storage: Storage, name: string): Promise<string[]> {
  const tags = await storage.list(tagsFolder(name));
  if (tags.length > 0 || (await isRepository(storage, name))) return tags;
  throw new RegistryError("NAME_UNKNOWN", "repository name not known to registry", { detail: { name } });
}

async function isRepository(storage: Storage, name: string): Promise<boolean> {
  return (await storage.list(`${repositoriesFolder}/${name}`)).some(
    (one) => one === "_layers" || one === "_manifests",
  );
}

/**
 * All repositories that have one of these folders, after one of that name. A name comes before those below it: "a", "a/b", "a-b".
 */
export async function* walkRepositories(
  storage: Storage,
  folders: readonly string[],
  after = "",
  name = "",
): AsyncGenerator<string> {
  const folder = name === "" ? repositoriesFolder : `${repositoriesFolder}/${name}`;
  const children = await storage.list(folder);
  if (children.some((child) => folders.includes(child)) && comparePaths(name, after) > 0) yield name;
  for (const child of children.filter((one) => !one.startsWith("_"))) {
    const path = name === "" ? child : `${name}/${child}`;
    // Nothing below it comes later than `after`.
    if (comparePaths(path, after) < 0 && !after.startsWith(`${path}/`)) continue;
    yield* walkRepositories(storage, folders, after, path);
  }
}

export async function listRepositories(
  storage: Storage,
  { most, after }: PageRequest,
): Promise<Page<string>> {
  const items: string[] = [];
  for await (const name of walkRepositories(storage, ["_manifests"], after)) {
    if (items.length === most) return { items, isMore: most > 0 };
    items.push(name);
  }
  return { items, isMore: false };
}

/** Component by component, so that the order is that of the walk. */
function comparePaths(a: string, b: string): number {
  const [left, right] = [a, b].map((path) => path.replaceAll("/", "\0"));
  return left! < right! ? -1 : left! > right! ? 1 : 0;
}
