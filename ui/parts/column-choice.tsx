import { useWords } from "../languages/language.ts";
import { type Store, useStore } from "../store.ts";
import type { Column } from "./columns.ts";

/** Names of the columns that are not wanted, with commas between them. */
export type HiddenColumns = Store<string>;

const namesOf = (hidden: string) => new Set(hidden.split(",").filter(Boolean));

export function useShownColumns<Row>(
  columns: readonly Column<Row>[],
  hidden: HiddenColumns,
): readonly Column<Row>[] {
  const names = namesOf(useStore(hidden));
  return columns.filter(({ name }) => !names.has(name));
}

/** What there is no room for is left out all the same. */
export function ColumnChoice<Row>({
  columns,
  hidden,
}: {
  columns: readonly Column<Row>[];
  hidden: HiddenColumns;
}) {
  const t = useWords();
  const names = namesOf(useStore(hidden));
  const toggle = (name: string) => {
    if (!names.delete(name)) names.add(name);
    hidden.set([...names].join(","));
  };
  return (
    <details class="column-choice">
      <summary>{t.columns}</summary>
      <div class="panel">
        {columns
          // What names the row, and what is done with it, stay.
          .filter(({ rank, title, compare }) => rank > 0 && title !== "" && compare !== undefined)
          .map(({ name, title }) => (
            <label key={name} class="check">
              <input type="checkbox" checked={!names.has(name)} onChange={() => toggle(name)} />
              {title}
            </label>
          ))}
      </div>
    </details>
  );
}
