import { useMemo, useState } from "preact/hooks";
import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { createKept } from "../../kept.ts";
import { useWords } from "../../languages/language.ts";
import { containers, nameOf } from "../../live/containers.ts";
import { useUsage } from "../../live/usage.ts";
import { ColumnChoice, useShownColumns } from "../../parts/column-choice.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Table } from "../../parts/table.tsx";
import { addressOf, go, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { act, verbs } from "./actions.ts";
import { useColumns } from "./columns.tsx";
import { Filters, filterContainers } from "./filters.tsx";

const noneSelected: ReadonlySet<string> = new Set();
const hiddenColumns = createKept("containers.hidden", "");

/** All containers, live. */
export function ContainersView() {
  const t = useWords();
  const all = useStore(containers);
  const { query } = usePlace();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [selection, select] = useState(noneSelected);
  useUsage();
  const columns = useColumns(isReadOnly);
  const shown = useShownColumns(columns, hiddenColumns);
  const rows = useMemo(() => filterContainers(all ?? [], query), [all, query]);
  const chosen = rows.filter(({ Id }) => selection.has(Id));
  return (
    <section class="view">
      <header class="view-head">
        <h1>{t.containers}</h1>
        {!isReadOnly && (
          <Link to="/run" class="button primary">
            <Icon name="plus" /> {t.run}
          </Link>
        )}
      </header>
      <div class="filter-line">
        <Filters all={all ?? []} />
        <ColumnChoice columns={columns} hidden={hiddenColumns} />
      </div>
      {chosen.length > 0 && <Bulk chosen={chosen} onDone={() => select(noneSelected)} />}
      <Table<ContainerSummary>
        label={t.containers}
        rows={rows}
        columns={shown}
        keyOf={({ Id }) => Id}
        nameOf={nameOf}
        initialSort={{ column: "name", isDown: false }}
        onOpen={({ Id }) => go(addressOf(["containers", Id.slice(0, 12)]))}
        onKey={(row, key) => !isReadOnly && pressOn(row, key)}
        isDimmed={({ State }) => State !== "running"}
        empty={all === undefined ? t.loading : all.length > 0 ? t.nothingFound : <NoneYet />}
        {...(!isReadOnly && { selection, onSelect: select })}
      />
    </section>
  );
}

function NoneYet() {
  const t = useWords();
  return (
    <>
      <strong>{t.noContainers}</strong>
      <p class="muted">{t.noContainersHint}</p>
    </>
  );
}

function pressOn(row: ContainerSummary, key: string): boolean {
  const found = verbs.find((one) => one.key === key && one.fits(row.State));
  if (found) void act(found.verb, [row]);
  return found !== undefined;
}

function Bulk({ chosen, onDone }: { chosen: readonly ContainerSummary[]; onDone(): void }) {
  const t = useWords();
  const fitting = verbs.filter(({ fits }) => chosen.some(({ State }) => fits(State)));
  return (
    <div class="bulk" role="toolbar" aria-label={t.actions}>
      <span>{t.selected(chosen.length)}</span>
      {fitting.map(({ verb, icon }) => (
        <button key={verb} type="button" onClick={() => void act(verb, chosen).then(onDone)}>
          <Icon name={icon} /> {t[verb]}
        </button>
      ))}
    </div>
  );
}
