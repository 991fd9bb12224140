import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { type Column, chooseColumns, gridOf, type Sorting, sortRows } from "./columns.ts";
import { Icon } from "./icon.tsx";
import { rowsInView, useScroller } from "./scroller.ts";
import { moveFocus } from "./table-keys.ts";

export interface TableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf(row: Row): string;
  nameOf(row: Row): string;
  initialSort: Sorting;
  onOpen?(row: Row): void;
  /** A key that was pressed on a row. @returns whether it meant something */
  onKey?(row: Row, key: string): boolean;
  /** Keys of the rows that are selected; left out where nothing can be done with many. */
  selection?: ReadonlySet<string>;
  onSelect?(selection: ReadonlySet<string>): void;
  isDimmed?(row: Row): boolean;
  empty?: ComponentChildren;
}

const rowHeight = 36;

/** A table of any length: only the rows in view are in the document, and only the columns that there is room for. */
export function Table<Row>(props: TableProps<Row>) {
  const { label, rows, columns, keyOf, selection, onSelect, empty } = props;
  const [sorting, setSorting] = useState(props.initialSort);
  const scroller = useScroller();
  const shown = chooseColumns(columns, scroller.width - (selection ? 36 : 0));
  const sorted = useMemo(() => sortRows(rows, columns, sorting), [rows, columns, sorting]);
  const { first, last } = rowsInView(scroller.top, scroller.height - rowHeight, rowHeight, sorted.length);
  const grid = `${selection ? "36px " : ""}${gridOf(shown)}`;
  return (
    <div
      class="table"
      role="table"
      aria-label={label}
      aria-rowcount={sorted.length + 1}
      ref={scroller.element}
      onScroll={scroller.onScroll}
    >
      <div role="rowgroup" class="table-head">
        <div role="row" class="row" aria-rowindex={1} style={{ gridTemplateColumns: grid }}>
          {selection && <SelectAll rows={sorted} keyOf={keyOf} selection={selection} onSelect={onSelect} />}
          {shown.map((column) => (
            <Head key={column.name} column={column} sorting={sorting} onSort={setSorting} />
          ))}
        </div>
      </div>
      <div role="rowgroup" class="table-body" style={{ height: `${sorted.length * rowHeight}px` }}>
        {sorted.slice(first, last).map((row, index) => (
          <Row
            key={keyOf(row)}
            {...props}
            row={row}
            shown={shown}
            grid={grid}
            index={first + index}
            isFirst={index === 0}
          />
        ))}
      </div>
      {sorted.length === 0 && <div class="empty">{empty}</div>}
    </div>
  );
}

interface RowProps<Row> extends TableProps<Row> {
  row: Row;
  shown: readonly Column<Row>[];
  grid: string;
  index: number;
  isFirst: boolean;
}

function Row<R>({
  row,
  shown,
  grid,
  index,
  isFirst,
  keyOf,
  nameOf,
  selection,
  onSelect,
  isDimmed,
  onOpen,
  onKey,
}: RowProps<R>) {
  const t = useWords();
  const key = keyOf(row);
  const isSelected = selection?.has(key) ?? false;
  const toggle = () => onSelect?.(withToggled(selection ?? new Set(), key));
  return (
    <div
      role="row"
      class={`row ${isSelected ? "selected" : ""} ${isDimmed?.(row) ? "dimmed" : ""}`}
      aria-rowindex={index + 2}
      tabIndex={isFirst ? 0 : -1}
      style={{ gridTemplateColumns: grid, transform: `translateY(${index * rowHeight}px)` }}
      onDblClick={() => onOpen?.(row)}
      onKeyDown={(event) => {
        if (moveFocus(event) || event.target !== event.currentTarget || event.ctrlKey || event.metaKey)
          return;
        const isTaken =
          event.key === "Enter"
            ? onOpen?.(row) === undefined
            : event.key === " "
              ? toggle() === undefined
              : onKey?.(row, event.key);
        if (isTaken) event.preventDefault();
      }}
    >
      {selection && (
        <div role="cell" class="cell">
          <input type="checkbox" aria-label={t.select(nameOf(row))} checked={isSelected} onChange={toggle} />
        </div>
      )}
      {shown.map(({ name, cell, isNumber }) => (
        <div role="cell" key={name} class={`cell ${isNumber ? "number" : ""}`}>
          {cell(row)}
        </div>
      ))}
    </div>
  );
}

function withToggled(selection: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(selection);
  if (!next.delete(key)) next.add(key);
  return next;
}

interface HeadProps<Row> {
  column: Column<Row>;
  sorting: Sorting;
  onSort(sorting: Sorting): void;
}

function Head<R>({ column: { name, title, isNumber, compare }, sorting, onSort }: HeadProps<R>) {
  const isSorted = sorting.column === name;
  const order = isSorted ? (sorting.isDown ? "descending" : "ascending") : undefined;
  return (
    <div role="columnheader" class={`cell ${isNumber ? "number" : ""}`} aria-sort={order}>
      {compare ? (
        <button
          type="button"
          class="sort"
          onClick={() => onSort({ column: name, isDown: isSorted && !sorting.isDown })}
        >
          {title}
          {isSorted && <Icon name={sorting.isDown ? "down" : "up"} />}
        </button>
      ) : (
        <span>{title}</span>
      )}
    </div>
  );
}

interface SelectAllProps<Row> {
  rows: readonly Row[];
  keyOf(row: Row): string;
  selection: ReadonlySet<string>;
  onSelect: ((selection: ReadonlySet<string>) => void) | undefined;
}

function SelectAll<R>({ rows, keyOf, selection, onSelect }: SelectAllProps<R>) {
  const t = useWords();
  const isAll = rows.length > 0 && rows.every((row) => selection.has(keyOf(row)));
  return (
    <div role="columnheader" class="cell">
      <input
        type="checkbox"
        aria-label={t.selectAll}
        checked={isAll}
        onChange={() => onSelect?.(isAll ? new Set() : new Set(rows.map(keyOf)))}
      />
    </div>
  );
}
