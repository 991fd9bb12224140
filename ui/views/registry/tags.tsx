import { useState } from "preact/hooks";
import { at, call } from "../../api/call.ts";
import { useWords, type Words, words } from "../../languages/language.ts";
import { type Column, compareText } from "../../parts/columns.ts";
import { confirm } from "../../parts/dialog.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { Table } from "../../parts/table.tsx";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { PullDialog } from "../images/pull.tsx";
import { authHeader } from "../images/reference.ts";
import { useRegistry } from "./ask.ts";
import { type RemoteTag, type TagsProps, useDescribed } from "./describe.ts";

/** The tags of a repository, with what they stand for. */
export function Tags({ host, repository, login }: TagsProps) {
  const t = useWords();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [pulled, setPulled] = useState<string>();
  const [filter, setFilter] = useState("");
  const listed = useRegistry<{ Tags: string[] }>(
    `/berth/registries/${at(host)}/tags`,
    { repository },
    host,
    login,
  );
  const tags = listed.value?.Tags;
  const shown = (tags ?? []).filter((name) => name.includes(filter));
  const { found, isDone } = useDescribed(tags, shown, { host, repository, login });
  const describe = (name: string): RemoteTag => ({ name, ...found.get(name) });
  const remove = async (tag: RemoteTag) => {
    if (await removeTag((tags ?? []).map(describe), tag, { host, repository, login })) listed.reload();
  };
  const actions: Column<RemoteTag> = {
    ...{ name: "actions", title: "", width: 170, rank: 0 },
    cell: (tag) => (
      <span class="row-actions">
        <button type="button" onClick={() => setPulled(`${host}/${repository}:${tag.name}`)}>
          {t.pullStart}
        </button>
        <button
          type="button"
          class="danger"
          // The question names all tags that go with this one.
          disabled={!tag.digest || !isDone}
          onClick={() => void remove(tag)}
        >
          {t.deleteTag}
        </button>
      </span>
    ),
  };
  return (
    <>
      <Loaded of={listed}>
        {({ Tags: all }) => (
          <>
            <search class="filters">
              <SearchField label={t.search} value={filter} onChange={setFilter} />
            </search>
            <Table<RemoteTag>
              label={t.tags}
              rows={shown.map(describe)}
              columns={[...columnsOf(t), ...(isReadOnly ? [] : [actions])]}
              keyOf={({ name }) => name}
              nameOf={({ name }) => name}
              initialSort={{ column: "name", isDown: false }}
              empty={all.length > 0 ? t.nothingFound : t.noTags}
            />
          </>
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

/** @returns whether it is gone */
async function removeTag(
  all: readonly RemoteTag[],
  { digest }: RemoteTag,
  { host, repository, login }: TagsProps,
): Promise<boolean> {
  const t = words();
  const names = all.filter((one) => one.digest === digest).map(({ name }) => name);
  const unknown = all.filter((one) => one.digest === undefined).length;
  const loss = `${unknown > 0 ? t.deleteTagUnknown(unknown) : ""} ${t.deleteTagLoss}`.trim();
  const answer = await confirm({ title: t.deleteTagQuestion, loss, names, action: t.deleteTag });
  if (!answer || !digest) return false;
  return attempt(t.deleteTag, () =>
    call("DELETE", `/berth/registries/${at(host)}/manifest`, {
      query: { repository, digest },
      headers: authHeader(`${host}/any`, login),
    }),
  );
}
