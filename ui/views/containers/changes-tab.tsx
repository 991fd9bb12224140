import { at } from "../../api/call.ts";
import { useWords } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { compareText } from "../../parts/columns.ts";
import { Loaded } from "../../parts/loading.tsx";
import { Table } from "../../parts/table.tsx";
import type { TabProps } from "./tab.ts";

interface Change {
  Path: string;
  Kind: 0 | 1 | 2;
}

/** Files that the container has changed, beside its image. */
export function ChangesTab({ container }: TabProps) {
  const t = useWords();
  const changes = useResource<Change[] | null>(`/containers/${at(container.Id)}/changes`, []);
  const kinds = [t.changed, t.added, t.removed];
  return (
    <Loaded of={{ ...changes, value: changes.value === null ? [] : changes.value }}>
      {(rows) => (
        <Table<Change>
          label={t.changes}
          rows={rows ?? []}
          keyOf={({ Path }) => Path}
          nameOf={({ Path }) => Path}
          initialSort={{ column: "path", isDown: false }}
          empty={t.noChanges}
          columns={[
            {
              name: "kind",
              title: t.type,
              width: 110,
              rank: 1,
              compare: (a, b) => a.Kind - b.Kind,
              cell: ({ Kind }) => <span class={`change k${Kind}`}>{kinds[Kind]}</span>,
            },
            {
              name: "path",
              title: t.path,
              width: 200,
              grow: 1,
              rank: 0,
              compare: (a, b) => compareText(a.Path, b.Path),
              cell: ({ Path }) => <code title={Path}>{Path}</code>,
            },
          ]}
        />
      )}
    </Loaded>
  );
}
