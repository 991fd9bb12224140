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
  tags?: readonly string[] | undefined;
  found: ReadonlyMap<string, Omit<RemoteTag, "name">>;
  /** Whether each has been asked for, up to the most that are. */
  isDone: boolean;
}

/** Each is a question to the registry. */
const mostDescribed = 200;

const nothingYet: DescribedTags = { found: new Map(), isDone: false };

/** What tags stand for, one after the other as the answers come. */
export function useDescribed(tags: readonly string[] | undefined, { host, repository, login }: TagsProps) {
  const [state, setState] = useState<DescribedTags>(nothingYet);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const headers = authHeader(`${host}/any`, login);
    setState({ ...nothingYet, tags });
    async function describe(tag: string): Promise<void> {
      const path = `/distribution/${atImage(`${host}/${repository}:${tag}`)}/json`;
      const { Descriptor, Platforms } = await call<Described>("GET", path, { headers, signal });
      const platforms = Platforms.filter(({ os }) => os !== "unknown")
        .map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join("/"))
        .join(", ");
      if (signal.aborted) return;
      const found = { digest: Descriptor.digest, platforms };
      setState((old) => ({ ...old, found: new Map(old.found).set(tag, found) }));
    }
    async function describeAll(): Promise<void> {
      for (const tag of (tags ?? []).slice(0, mostDescribed)) {
        // A tag may be gone, or stand for what is no image.
        await describe(tag).catch(() => {});
        if (signal.aborted) return;
      }
      setState((old) => ({ ...old, isDone: true }));
    }
    void describeAll();
    return () => stop.abort();
  }, [tags]);
  return state.tags === tags ? state : nothingYet;
}
