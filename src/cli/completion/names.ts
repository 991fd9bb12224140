import type { Cli } from "../cli.ts";

export type NameKind = "container" | "image" | "network" | "volume";

/** What a usage line calls them. What is new, such as NEW_NAME, is not there to be completed. */
const kinds: Readonly<Record<string, NameKind>> = {
  CONTAINER: "container",
  IMAGE: "image",
  "SOURCE_IMAGE[:TAG]": "image",
  "NAME[:TAG]": "image",
  NETWORK: "network",
  VOLUME: "volume",
};

const flagKinds: Readonly<Record<string, NameKind>> = {
  link: "container",
  network: "network",
  "volumes-from": "container",
};

export const kindOfFlag = (name: string): NameKind | undefined =>
  Object.hasOwn(flagKinds, name) ? flagKinds[name] : undefined;

/** @param index of the argument, from 0 */
export function kindOfArgument(usage: string | readonly string[], index: number): NameKind | undefined {
  const line = typeof usage === "string" ? usage : (usage[0] ?? "");
  const places = line.split(" ").filter((place) => place !== "" && place !== "[OPTIONS]");
  const last = places.at(-1);
  const place = places[index] ?? (last?.includes("...") ? last : undefined);
  const bare = place?.replace(/^\[(.*?)(\.\.\.)?\]$/, "$1") ?? "";
  return Object.hasOwn(kinds, bare) ? kinds[bare] : undefined;
}

/** Empty when no engine answers: a key that was pressed for help starts none, and is not the place for an error. */
export async function findNames(cli: Cli, kind: NameKind): Promise<string[]> {
  try {
    const client = await cli.client(false);
    switch (kind) {
      case "container":
        return (await client.containers.list({ all: true, brief: true })).flatMap(({ Names }) =>
          Names.map((name) => name.slice(1)).filter((name) => !name.includes("/")),
        );
      case "image":
        return (await client.images.list({})).flatMap(({ RepoTags }) => RepoTags ?? []);
      case "network":
        return (await client.networks.list()).map(({ Name }) => Name);
      case "volume":
        return ((await client.volumes.list()).Volumes ?? []).map(({ Name }) => Name);
    }
  } catch {
    return [];
  }
}
