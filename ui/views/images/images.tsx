import { useMemo, useState } from "preact/hooks";
import type { ImageSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { atImage, call } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { formatAgo } from "../../formats/time.ts";
import { useWords, type Words, words } from "../../languages/language.ts";
import { containers } from "../../live/containers.ts";
import { useResource } from "../../live/resource.ts";
import { type Column, compareText } from "../../parts/columns.ts";
import { confirm } from "../../parts/dialog.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { addressOf, go, setQuery, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { BuildDialog } from "./build.tsx";
import { PullDialog } from "./pull.tsx";

const noneSelected: ReadonlySet<string> = new Set();

export const tagsOf = ({ RepoTags }: Pick<ImageSummary, "RepoTags">) =>
  (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
export const shortId = (id: string) => id.replace(/^sha256:/, "").slice(0, 12);

/** All images. */
export function ImagesView() {
  const t = useWords();
  const images = useResource<ImageSummary[]>("/images/json", ["image", "container"]);
  const { query } = usePlace();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [selection, select] = useState(noneSelected);
  const [dialog, setDialog] = useState<"pull" | "build">();
  const users = useUsers();
  const columns = useMemo(() => columnsOf(t, users), [t, users]);
  const wanted = (query.q ?? "").toLowerCase();
  return (
    <section class="view">
      <header class="view-head">
        <h1>{t.images}</h1>
        {!isReadOnly && (
          <>
            <button type="button" class="primary" onClick={() => setDialog("pull")}>
              <Icon name="download" /> {t.pull}
            </button>
            <button type="button" onClick={() => setDialog("build")}>
              {t.build}
            </button>
          </>
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
            onClick={() =>
              void removeImages((images.value ?? []).filter(({ Id }) => selection.has(Id))).then(() =>
                select(noneSelected),
              )
            }
          >
            <Icon name="remove" /> {t.remove} ({selection.size})
          </button>
        )}
      </search>
      <Loaded of={images}>
        {(all) => (
          <Table<ImageSummary>
            label={t.images}
            rows={all.filter((one) => `${tagsOf(one).join(" ")} ${one.Id}`.toLowerCase().includes(wanted))}
            columns={columns}
            keyOf={({ Id }) => Id}
            nameOf={(one) => tagsOf(one)[0] ?? shortId(one.Id)}
            initialSort={{ column: "tags", isDown: false }}
            onOpen={({ Id }) => go(addressOf(["images", shortId(Id)]))}
            isDimmed={({ Id }) => (users.get(Id) ?? 0) === 0}
            empty={all.length > 0 ? t.nothingFound : t.noImages}
            {...(!isReadOnly && { selection, onSelect: select })}
          />
        )}
      </Loaded>
      {dialog === "pull" && <PullDialog onClose={() => setDialog(undefined)} />}
      {dialog === "build" && <BuildDialog onClose={() => setDialog(undefined)} />}
    </section>
  );
}

/** How many containers each image has. */
function useUsers(): ReadonlyMap<string, number> {
  const all = useStore(containers);
  return useMemo(() => {
    const users = new Map<string, number>();
    for (const { ImageID } of all ?? []) users.set(ImageID, (users.get(ImageID) ?? 0) + 1);
    return users;
  }, [all]);
}

export async function removeImages(images: readonly Pick<ImageSummary, "Id" | "RepoTags">[]): Promise<void> {
  const t = words();
  const names = images.map((one) => tagsOf(one).join(", ") || shortId(one.Id));
  const options = await confirm({
    title: t.removeImages(images.length),
    loss: t.removeImagesLoss,
    names,
    action: t.remove,
    options: [{ name: "force", text: t.removeForce }],
  });
  if (!options) return;
  for (const one of images) {
    const tags = tagsOf(one);
    // All its names, or the id would be refused for having several.
    for (const name of tags.length > 1 ? tags : [one.Id])
      await attempt(t.remove, () =>
        call("DELETE", `/images/${atImage(name)}`, { query: { force: options.has("force") } }),
      );
  }
}

function columnsOf(t: Words, users: ReadonlyMap<string, number>): readonly Column<ImageSummary>[] {
  return [
    {
      name: "tags",
      title: t.tags,
      width: 150,
      grow: 3,
      rank: 0,
      compare: (a, b) => compareText(tagsOf(a)[0] ?? "~", tagsOf(b)[0] ?? "~"),
      cell: (one) => (
        <Link to={addressOf(["images", shortId(one.Id)])} class="strong" title={tagsOf(one).join("\n")}>
          {tagsOf(one).join(", ") || <span class="muted">{t.unnamed}</span>}
        </Link>
      ),
    },
    { name: "id", title: t.id, width: 120, rank: 4, cell: ({ Id }) => <code>{shortId(Id)}</code> },
    {
      name: "size",
      title: t.size,
      width: 95,
      rank: 1,
      isNumber: true,
      compare: (a, b) => a.Size - b.Size,
      cell: ({ Size }) => formatBytes(Size),
    },
    {
      name: "used",
      title: t.usedBy,
      width: 90,
      rank: 3,
      isNumber: true,
      compare: (a, b) => (users.get(a.Id) ?? 0) - (users.get(b.Id) ?? 0),
      cell: ({ Id }) => users.get(Id) ?? <span class="muted">{t.unused}</span>,
    },
    {
      name: "created",
      title: t.created,
      width: 110,
      rank: 2,
      compare: (a, b) => b.Created - a.Created,
      cell: ({ Created }) => (Created > 0 ? formatAgo(Created) : "–"),
    },
  ];
}
