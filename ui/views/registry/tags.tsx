import { useEffect, useState } from "preact/hooks";
import { at, atImage, call } from "../../api/call.ts";
import { useWords, type Words, words } from "../../languages/language.ts";
import { type Column, compareText } from "../../parts/columns.ts";
import { confirm } from "../../parts/dialog.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { PullDialog } from "../images/pull.tsx";
import { authHeader } from "../images/reference.ts";
import { type RegistryLogin, useRegistry } from "./ask.ts";

interface RemoteTag {
  name: string;
  digest?: string;
  platforms?: string;
}

interface Described {
  Descriptor: { digest: string };
  Platforms: { os: string; architecture: string; variant?: string }[];
}

/** Each is a question to the registry. */
const mostDescribed = 200;

interface TagsProps {
  host: string;
  repository: string;
  login: RegistryLogin;
}

/** The tags of a repository, with what they stand for. */
export function Tags({ host, repository, login }: TagsProps) {
  const t = useWords();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [pulled, setPulled] = useState<string>();
  const listed = useRegistry<{ Tags: string[] }>(
    `/berth/registries/${at(host)}/tags`,
    { repository },
    host,
    login,
  );
  const described = useDescribed(listed.value?.Tags, { host, repository, login });
  const rows = (listed.value?.Tags ?? []).map((name): RemoteTag => ({ name, ...described.get(name) }));
  const remove = async (tag: RemoteTag) => {
    if (await removeTag(rows, tag, { host, repository, login })) listed.reload();
  };
  const actions: Column<RemoteTag> = {
    ...{ name: "actions", title: "", width: 170, rank: 0 },
    cell: (tag) => (
      <span class="row-actions">
        <button type="button" onClick={() => setPulled(`${host}/${repository}:${tag.name}`)}>
          {t.pullStart}
        </button>
        <button type="button" class="danger" disabled={!tag.digest} onClick={() => void remove(tag)}>
          {t.deleteTag}
        </button>
      </span>
    ),
  };
  return (
    <>
      <Loaded of={listed}>
        {({ Tags: all }) => (
          <Table<RemoteTag>
            label={t.tags}
            rows={rows}
            columns={[...columnsOf(t), ...(isReadOnly ? [] : [actions])]}
            keyOf={({ name }) => name}
            nameOf={({ name }) => name}
            initialSort={{ column: "name", isDown: false }}
            empty={all.length > 0 ? t.nothingFound : t.noTags}
          />
        )}
      </Loaded>
      {pulled && <PullDialog name={pulled} login={login} onClose={() => setPulled(undefined)} />}
    </>
  );
}

function columnsOf(t: Words): Column<RemoteTag>[] {
  return [
    {
      ...{ name: "name", title: t.tags, width: 160, grow: 1, rank: 0 },
      compare: (a, b) => compareText(a.name, b.name),
      cell: ({ name }) => name,
    },
    {
      ...{ name: "platforms", title: t.architecture, width: 180, rank: 2 },
      cell: ({ platforms = "…" }) => <span title={platforms}>{platforms}</span>,
    },
    {
      ...{ name: "digest", title: t.digest, width: 200, rank: 1 },
      cell: ({ digest = "…" }) => <code title={digest}>{digest.slice(0, 19)}</code>,
    },
  ];
}

/** By tag, one after the other as they come. */
function useDescribed(tags: readonly string[] | undefined, { host, repository, login }: TagsProps) {
  const [described, setDescribed] = useState<ReadonlyMap<string, Omit<RemoteTag, "name">>>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const headers = authHeader(`${host}/any`, login);
    async function describe(tag: string): Promise<void> {
      const path = `/distribution/${atImage(`${host}/${repository}:${tag}`)}/json`;
      const { Descriptor, Platforms } = await call<Described>("GET", path, { headers, signal });
      const platforms = Platforms.filter(({ os }) => os !== "unknown")
        .map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join("/"))
        .join(", ");
      setDescribed((old) => new Map(old).set(tag, { digest: Descriptor.digest, platforms }));
    }
    async function describeAll(): Promise<void> {
      for (const tag of (tags ?? []).slice(0, mostDescribed)) {
        // A tag may be gone, or stand for what is no image.
        await describe(tag).catch(() => {});
        if (signal.aborted) return;
      }
    }
    void describeAll();
    return () => stop.abort();
  }, [tags]);
  return described;
}

/** @returns whether it is gone */
async function removeTag(
  all: readonly RemoteTag[],
  { digest }: RemoteTag,
  { host, repository, login }: TagsProps,
): Promise<boolean> {
  const t = words();
  const names = all.filter((one) => one.digest === digest).map(({ name }) => name);
  const answer = await confirm({
    ...{ title: t.deleteTagQuestion, loss: t.deleteTagLoss, names, action: t.deleteTag },
  });
  if (!answer || !digest) return false;
  return attempt(t.deleteTag, () =>
    call("DELETE", `/berth/registries/${at(host)}/manifest`, {
      query: { repository, digest },
      headers: authHeader(`${host}/any`, login),
    }),
  );
}
