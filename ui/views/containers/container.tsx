import type { ComponentType } from "preact";
import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { at } from "../../api/call.ts";
import { useWords, type Words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { Menu } from "../../parts/menu.tsx";
import { State } from "../../parts/state.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { Tree } from "../../parts/tree.tsx";
import { addressOf, go, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { act, commitContainer, renameContainer, verbs } from "./actions.ts";
import { ChangesTab } from "./changes-tab.tsx";
import { EditTab } from "./edit-tab.tsx";
import { FilesTab } from "./files-tab.tsx";
import { LogsTab } from "./logs-tab.tsx";
import { ProcessesTab } from "./processes-tab.tsx";
import { StatsTab } from "./stats-tab.tsx";
import { SummaryTab } from "./summary-tab.tsx";
import type { TabProps } from "./tab.ts";
import { TerminalTab } from "./terminal-tab.tsx";

interface Part {
  name: string;
  title(t: Words): string;
  View: ComponentType<TabProps>;
  /** It changes something: not in read-only mode. */
  isActing?: boolean;
  /** Docker's own engine has no operation for it. */
  isOfBerth?: boolean;
}

const parts: readonly Part[] = [
  { name: "summary", title: (t) => t.summary, View: SummaryTab },
  { name: "logs", title: (t) => t.logs, View: LogsTab },
  { name: "terminal", title: (t) => t.terminal, View: TerminalTab, isActing: true },
  { name: "stats", title: (t) => t.stats, View: StatsTab },
  { name: "processes", title: (t) => t.processes, View: ProcessesTab },
  { name: "files", title: (t) => t.files, View: FilesTab, isOfBerth: true },
  { name: "changes", title: (t) => t.changes, View: ChangesTab },
  { name: "edit", title: (t) => t.edit, View: EditTab, isActing: true },
  { name: "inspect", title: (t) => t.inspect, View: InspectTab },
];

/** One container, by id or name. */
export function ContainerView({ id }: { id: string }) {
  const t = useWords();
  const resource = useResource<ContainerInspect>(`/containers/${at(id)}/json`, ["container", "network"]);
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const { parts: place } = usePlace();
  const isBerth = useTraits()?.isBerth ?? false;
  const shown = parts.filter(
    ({ isActing, isOfBerth }) => !(isActing && isReadOnly) && (!isOfBerth || isBerth),
  );
  const current = shown.find(({ name }) => name === (place[2] ?? "summary")) ?? shown[0]!;
  const { View } = current;
  return (
    <section class="view detail">
      <Loaded of={resource}>
        {(container) => (
          <>
            <Head container={container} isReadOnly={isReadOnly} />
            <Tabs
              label={t.containers}
              current={current.name}
              tabs={shown.map(({ name, title }) => ({
                name,
                title: title(t),
                to: addressOf(["containers", id, name]),
              }))}
            />
            <View container={container} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Head({ container, isReadOnly }: { container: ContainerInspect; isReadOnly: boolean }) {
  const t = useWords();
  const { Id, State: state, Name } = container;
  const acted = { Id, Names: [Name], State: state.Status };
  const fitting = verbs.filter(({ fits }) => fits(state.Status));
  const status = state.Health?.Status === "unhealthy" ? "(unhealthy)" : "";
  return (
    <header class="view-head">
      <h1>
        <Link to="/containers" class="crumb">
          {t.containers}
        </Link>{" "}
        <span class="crumb">/</span> {Name.replace(/^\//, "")}
      </h1>
      <State state={state.Status} status={status} />
      {!isReadOnly &&
        fitting
          .filter(({ verb }) => verb !== "remove" && verb !== "kill")
          .map(({ verb, icon }) => (
            <button key={verb} type="button" onClick={() => void act(verb, [acted])}>
              <Icon name={icon} /> {t[verb]}
            </button>
          ))}
      {!isReadOnly && (
        <Menu
          label={t.more}
          items={[
            ...fitting
              .filter(({ verb }) => verb === "kill")
              .map(({ verb, icon }) => ({ text: t[verb], icon, run: () => void act(verb, [acted]) })),
            { text: t.rename, run: () => void renameContainer(acted) },
            { text: t.commit, run: () => void commitContainer(acted) },
            { text: t.duplicate, icon: "copy", run: () => go(addressOf(["run"], { from: Id.slice(0, 12) })) },
            { text: t.remove, icon: "remove", isDangerous: true, run: () => void act("remove", [acted]) },
          ]}
        />
      )}
    </header>
  );
}

function InspectTab({ container }: TabProps) {
  return (
    <div class="panel scrolls">
      <Tree value={container} />
    </div>
  );
}
