import { useWords } from "../../languages/language.ts";
import { containers, nameOf } from "../../live/containers.ts";
import { LogPanel } from "../../logs/log-panel.tsx";
import { setQuery, usePlace } from "../../router.ts";
import { useStore } from "../../store.ts";
import type { TabProps } from "./tab.ts";

/** The container's log, and those of others beside it. */
export function LogsTab({ container }: TabProps) {
  const t = useWords();
  const { query } = usePlace();
  const all = useStore(containers) ?? [];
  const beside = (query.beside ?? "").split(",").filter(Boolean);
  const own = { id: container.Id, name: container.Name.replace(/^\//, "") };
  const others = beside.map((id) => {
    const found = all.find(({ Id }) => Id.startsWith(id));
    return { id, name: found ? nameOf(found) : id };
  });
  const free = all.filter(({ Id }) => Id !== container.Id && !beside.some((id) => Id.startsWith(id)));
  const change = (ids: readonly string[]) => setQuery({ beside: ids.join(",") });
  const chooser = free.length > 0 && others.length < 3 && (
    <select
      class="beside"
      aria-label={t.addContainer}
      value=""
      onChange={({ currentTarget }) => change([...beside, currentTarget.value])}
    >
      <option value="">+ {t.addContainer}</option>
      {free.map((one) => (
        <option key={one.Id} value={one.Id.slice(0, 12)}>
          {nameOf(one)}
        </option>
      ))}
    </select>
  );
  return (
    <div class="log-panels">
      <LogPanel key={own.id} sources={[own]} tools={chooser} />
      {others.map((one) => (
        <LogPanel
          key={one.id}
          sources={[one]}
          title={one.name}
          onClose={() => change(beside.filter((id) => id !== one.id))}
        />
      ))}
    </div>
  );
}
