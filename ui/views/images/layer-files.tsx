import { useMemo, useState } from "preact/hooks";
import type { LayerView, TreeRow } from "../../../src/formats/image-tree-view.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import type { Column } from "../../parts/columns.ts";
import { Icon } from "../../parts/icon.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { Table } from "../../parts/table.tsx";

interface LayerFilesProps {
  view: LayerView;
  onRead(path: string): void;
}

const kinds = { modified: 0, added: 1, removed: 2, unchanged: 3 };
const indentPixels = 18;
const mostIndents = 24;

/** The tree up to a layer: folders open and close, files are read. */
export function LayerFiles({ view, onRead }: LayerFilesProps) {
  const t = useWords();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [filter, setFilter] = useState("");
  const [changesOnly, setChangesOnly] = useState(false);
  const rows = useMemo(() => view.rows({ open, filter, changesOnly }), [view, open, filter, changesOnly]);
  const act = ({ path, entry, isOpen, change }: TreeRow) => {
    if (entry.Kind !== "directory") {
      if (change !== "removed") onRead(path);
      return;
    }
    const next = new Set(open);
    if (isOpen) next.delete(path);
    else next.add(path);
    setOpen(next);
  };
  return (
    <div class="explorer-files">
      <div class="filters">
        <SearchField label={t.filterFiles} value={filter} onChange={setFilter} />
        <label class="check">
          <input
            type="checkbox"
            checked={changesOnly}
            onChange={({ currentTarget }) => setChangesOnly(currentTarget.checked)}
          />
          {t.changesOnly}
        </label>
      </div>
      <Table<TreeRow>
        label={t.files}
        rows={rows}
        columns={columnsOf(t, act)}
        keyOf={({ path }) => path}
        nameOf={({ path }) => path}
        initialSort={{ column: "", isDown: false }}
        onOpen={act}
        onKey={(row, key) => {
          const isMeant = key === (row.isOpen ? "ArrowLeft" : "ArrowRight") && row.entry.Kind === "directory";
          if (isMeant) act(row);
          return isMeant;
        }}
        isDimmed={({ change }) => change === "unchanged"}
        empty={t.nothingFound}
      />
    </div>
  );
}

function columnsOf(t: ReturnType<typeof useWords>, act: (row: TreeRow) => void): Column<TreeRow>[] {
  const words = { added: t.added, modified: t.changed, removed: t.removed, unchanged: "" };
  return [
    {
      ...{ name: "path", title: t.path, width: 220, grow: 1, rank: 0 },
      cell: (row) => (
        <span
          class="tree-cell"
          style={{ paddingLeft: `${Math.min(row.depth, mostIndents) * indentPixels}px` }}
        >
          <button
            type="button"
            class="fold"
            title={row.path}
            disabled={row.change === "removed"}
            {...(row.entry.Kind === "directory" && { "aria-expanded": row.isOpen })}
            onClick={() => act(row)}
          >
            {row.entry.Kind === "directory" && <Icon name={row.isOpen ? "down" : "right"} />}
            {row.name}
            {row.entry.Target !== undefined && <i> → {row.entry.Target}</i>}
          </button>
        </span>
      ),
    },
    {
      ...{ name: "kind", title: t.type, width: 100, rank: 2 },
      cell: ({ change }) => <span class={`change k${kinds[change]}`}>{words[change]}</span>,
    },
    {
      ...{ name: "size", title: t.size, width: 100, rank: 1, isNumber: true },
      cell: ({ sizeBytes }) => formatBytes(sizeBytes),
    },
    {
      ...{ name: "mode", title: t.mode, width: 80, rank: 3 },
      cell: ({ entry }) => <code>{entry.Mode.toString(8).padStart(4, "0")}</code>,
    },
    {
      ...{ name: "owner", title: t.owner, width: 110, rank: 4 },
      cell: ({ entry }) => <code>{`${entry.UID}:${entry.GID}`}</code>,
    },
  ];
}
