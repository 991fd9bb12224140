import { useEffect } from "preact/hooks";
import { at } from "../../api/call.ts";
import { useWords } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { TextTable } from "../../parts/facts.tsx";
import { Loaded } from "../../parts/loading.tsx";
import type { TabProps } from "./tab.ts";

const againMilliseconds = 3000;

/** `top`, asked again every few seconds. */
export function ProcessesTab({ container }: TabProps) {
  const t = useWords();
  const isRunning = container.State.Running;
  const path = isRunning ? `/containers/${at(container.Id)}/top` : undefined;
  const processes = useResource<{ Titles: string[]; Processes: string[][] }>(path, []);
  useEffect(() => {
    const timer = setInterval(processes.reload, againMilliseconds);
    return () => clearInterval(timer);
  }, [processes.reload]);
  if (!isRunning) return <p class="empty">{t.notRunning}</p>;
  return (
    <div class="panel scrolls">
      <Loaded of={processes}>
        {({ Titles, Processes }) => <TextTable label={t.processes} head={Titles} rows={Processes} />}
      </Loaded>
    </div>
  );
}
