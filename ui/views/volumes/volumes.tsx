import { useMemo, useState } from "preact/hooks";
import type { Volume } from "../../../src/formats/docker-api/docker-api-objects.ts";
import type { DiskUsageResponse } from "../../../src/formats/docker-api/docker-api-system.ts";
import { at, call, post } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { formatAgo, parseTime } from "../../formats/time.ts";
import { useWords, type Words, words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { askText } from "../../parts/ask-text.tsx";
import { type Column, compareText } from "../../parts/columns.ts";
import { confirm } from "../../parts/dialog.tsx";
import { chooseFiles, download } from "../../parts/download.ts";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { Menu, type MenuItem } from "../../parts/menu.tsx";
import { attempt, tell } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { addressOf, go, setQuery, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { useVolumeUsers } from "./users.ts";

const noneSelected: ReadonlySet<string> = new Set();

/** All volumes. */
export function VolumesView() {
  const t = useWords();
  const { query } = usePlace();
  const volumes = useResource<{ Volumes: Volume[] | null }>("/volumes", ["volume"]);
  const sizes = useResource<DiskUsageResponse>("/system/df", ["volume"], { type: "volume" });
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const isBerth = useTraits()?.isBerth ?? false;
  const [selection, select] = useState(noneSelected);
  const size = useMemo(
    () => new Map(sizes.value?.Volumes?.map(({ Name, UsageData }) => [Name, UsageData?.Size ?? -1])),
    [sizes.value],
  );
  const users = useVolumeUsers();
  const columns = useMemo(
    () => [...columnsOf(t, size, users), ...(isReadOnly ? [] : [actionsOf(t, isBerth)])],
    [t, size, users, isReadOnly, isBerth],
  );
  const wanted = (query.q ?? "").toLowerCase();
  return (
    <section class="view">
      <header class="view-head">
        <h1>{t.volumes}</h1>
        {!isReadOnly && (
          <button type="button" class="primary" onClick={() => void create()}>
            <Icon name="plus" /> {t.createVolume}
          </button>
        )}
        {!isReadOnly && isBerth && (
          <button type="button" onClick={() => void importOne()}>
            <Icon name="upload" /> {t.import}
          </button>
        )}
      </header>
      <search class="filters">
        <input
          type="search"
          placeholder={t.search}
          aria-label={t.search}
          value={query.q ?? ""}
          onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
        />
        {selection.size > 0 && (
          <button
            type="button"
            class="danger"
            onClick={() => void remove([...selection]).then(() => select(noneSelected))}
          >
            <Icon name="remove" /> {t.remove} ({selection.size})
          </button>
        )}
      </search>
      <Loaded of={volumes}>
        {({ Volumes }) => (
          <Table<Volume>
            label={t.volumes}
            rows={(Volumes ?? []).filter(({ Name }) => Name.toLowerCase().includes(wanted))}
            columns={columns}
            keyOf={({ Name }) => Name}
            nameOf={({ Name }) => Name}
            initialSort={{ column: "name", isDown: false }}
            onOpen={({ Name }) => go(addressOf(["volumes", Name]))}
            isDimmed={({ Name }) => !users.has(Name)}
            empty={(Volumes ?? []).length > 0 ? t.nothingFound : t.noVolumes}
            {...(!isReadOnly && { selection, onSelect: select })}
          />
        )}
      </Loaded>
    </section>
  );
}

async function create(): Promise<void> {
  const t = words();
  const name = await askText(t.createVolume, t.name);
  if (name) await attempt(t.createVolume, () => post("/volumes/create", {}, { Name: name }));
}

async function remove(names: readonly string[]): Promise<void> {
  const t = words();
  const answer = await confirm({
    title: t.removeVolumes(names.length),
    loss: t.removeVolumesLoss,
    names,
    action: t.remove,
  });
  if (!answer) return;
  for (const name of names) await attempt(t.remove, () => call("DELETE", `/volumes/${at(name)}`));
}

/** A new volume with the content of an archive. */
async function importOne(): Promise<void> {
  const t = words();
  const [file] = await chooseFiles({ accept: ".tar,.tar.gz,.tgz" });
  if (!file) return;
  const name = await askText(t.import, t.name, file.name.replace(/\.(tar|tgz|tar\.gz)$/, ""));
  if (!name) return;
  const isDone = await attempt(t.import, () =>
    call("POST", `/berth/volumes/${at(name)}/import`, { upload: file }),
  );
  if (isDone) tell(t.import, name);
}

async function clone(name: string): Promise<void> {
  const t = words();
  const target = await askText(t.clone, t.cloneAs, `${name}-copy`);
  if (target) await attempt(t.clone, () => post(`/berth/volumes/${at(name)}/clone`, { to: target }));
}

function columnsOf(
  t: Words,
  sizes: ReadonlyMap<string, number>,
  users: ReadonlyMap<string, { id: string; name: string }[]>,
): Column<Volume>[] {
  const sizeOf = ({ Name }: Volume) => sizes.get(Name) ?? -1;
  return [
    {
      name: "name",
      title: t.name,
      width: 120,
      grow: 3,
      rank: 0,
      compare: (a, b) => compareText(a.Name, b.Name),
      cell: ({ Name }) => (
        <Link to={addressOf(["volumes", Name])} class="strong" title={Name}>
          {Name}
        </Link>
      ),
    },
    {
      name: "size",
      title: t.size,
      width: 95,
      rank: 2,
      isNumber: true,
      compare: (a, b) => sizeOf(a) - sizeOf(b),
      cell: (one) => (sizeOf(one) < 0 ? "–" : formatBytes(sizeOf(one))),
    },
    {
      name: "used",
      title: t.usedBy,
      width: 150,
      grow: 2,
      rank: 3,
      cell: ({ Name }) =>
        users.get(Name)?.map(({ id, name }) => (
          <Link key={id} to={addressOf(["containers", id])} class="listed">
            {name}
          </Link>
        )) ?? <span class="muted">{t.unused}</span>,
    },
    { name: "driver", title: t.driver, width: 80, rank: 5, cell: ({ Driver }) => Driver },
    {
      name: "created",
      title: t.created,
      width: 110,
      rank: 4,
      cell: ({ CreatedAt }) => formatAgo(parseTime(CreatedAt) ?? 0),
    },
  ];
}

/** What only berth can do is shown where the engine is one. */
function actionsOf(t: Words, isBerth: boolean): Column<Volume> {
  const own = (name: string): MenuItem[] => [
    {
      text: t.export,
      icon: "download",
      run: () => void download(`/berth/volumes/${at(name)}/export`, `${name}.tar`),
    },
    { text: t.clone, icon: "copy", run: () => void clone(name) },
  ];
  return {
    name: "actions",
    title: t.actions,
    width: 75,
    rank: 1,
    cell: ({ Name }) => (
      <Menu
        label={`${t.more}: ${Name}`}
        items={[
          ...(isBerth ? own(Name) : []),
          { text: t.remove, icon: "remove", isDangerous: true, run: () => void remove([Name]) },
        ]}
      />
    ),
  };
}
