import { useEffect, useState } from "preact/hooks";
import { atImage, call } from "../../api/call.ts";
import { authHeader, type RegistryLogin } from "../images/reference.ts";

export interface RemoteTag {
  name: string;
  digest?: string;
  platforms?: string;
}

interface Described {
  Descriptor: { digest: string };
  Platforms: { os: string; architecture: string; variant?: string }[];
}

export interface TagsProps {
  host: string;
  repository: string;
  login: RegistryLogin;
}

interface DescribedTags {
  /** The whole list that these belong to. With another list all is asked again. */
  of?: readonly string[] | undefined;
  /** Those that stand for no image are here, too, and empty. */
  found: ReadonlyMap<string, Omit<RemoteTag, "name">>;
}

/** Each is a question to the registry. */
const mostDescribed = 200;

const nothingYet: DescribedTags = { found: new Map() };

/**
 * What tags stand for, one after the other as the answers come: those in view, up to 200 at a time.
 * @param all the repository's @param shown of these those that a search has left
 */
export function useDescribed(
  all: readonly string[] | undefined,
  shown: readonly string[],
  { host, repository, login }: TagsProps,
): { found: DescribedTags["found"]; isDone: boolean } {
  const [state, setState] = useState<DescribedTags>(nothingYet);
  const { found } = state.of === all ? state : nothingYet;
  const wanted = shown.slice(0, mostDescribed).filter((tag) => !found.has(tag));
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const headers = authHeader(`${host}/any`, login);
    const add = (tag: string, described: Omit<RemoteTag, "name">) => {
      if (signal.aborted) return;
      setState((old) => ({ of: all, found: new Map(old.of === all ? old.found : []).set(tag, described) }));
    };
    async function describe(tag: string): Promise<void> {
      const path = `/distribution/${atImage(`${host}/${repository}:${tag}`)}/json`;
      const { Descriptor, Platforms } = await call<Described>("GET", path, { headers, signal });
      const platforms = Platforms.filter(({ os }) => os !== "unknown")
        .map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join("/"))
        .join(", ");
      add(tag, { digest: Descriptor.digest, platforms });
    }
    async function describeAll(): Promise<void> {
      for (const tag of wanted) {
        // A tag may be gone, or stand for what is no image.
        await describe(tag).catch(() => add(tag, {}));
        if (signal.aborted) return;
      }
    }
    void describeAll();
    return () => stop.abort();
  }, [all, shown.slice(0, mostDescribed).join(" ")]);
  return { found, isDone: wanted.length === 0 };
}
