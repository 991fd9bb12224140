import { useMemo } from "preact/hooks";
import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { useWords } from "../../languages/language.ts";
import { containers, nameOf, projectOf, serviceOf } from "../../live/containers.ts";
import { LogPanel } from "../../logs/log-panel.tsx";
import { compareText } from "../../parts/columns.ts";
import { TextTable } from "../../parts/facts.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Ports, State } from "../../parts/state.tsx";
import { addressOf, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { act, type Verb } from "../containers/actions.ts";

/** Compose projects, or one of them: `/projects/NAME`, and its logs as one: `/projects/NAME/logs`. */
export function ProjectsView() {
  const t = useWords();
  const all = useStore(containers);
  const { parts } = usePlace();
  const projects = useMemo(() => groupByProject(all ?? []), [all]);
  const [, name, part] = parts;
  const shown = name === undefined ? [...projects] : [...projects].filter(([project]) => project === name);
  const members = name === undefined ? undefined : projects.get(name);
  return (
    <section class={part === "logs" ? "view" : "view scrolls"}>
      <header class="view-head">
        <h1>
          {name === undefined ? (
            t.projects
          ) : (
            <>
              <Link to="/projects" class="crumb">
                {t.projects}
              </Link>{" "}
              <span class="crumb">/</span> {name}
            </>
          )}
        </h1>
      </header>
      {part === "logs" && members ? (
        <LogPanel sources={members.map((one) => ({ id: one.Id, name: serviceOf(one) || nameOf(one) }))} />
      ) : (
        <div class="sections">
          {shown.map(([project, found]) => (
            <Project key={project} name={project} members={found} />
          ))}
          {all !== undefined && shown.length === 0 && (
            <div class="empty">
              <strong>{t.noProjects}</strong>
              <p>{t.noProjectsHint}</p>
            </div>
          )}
        </div>
      )}
    </section>
  );
}

function groupByProject(all: readonly ContainerSummary[]): Map<string, ContainerSummary[]> {
  const projects = new Map<string, ContainerSummary[]>();
  for (const one of all) {
    const project = projectOf(one);
    if (project) projects.set(project, [...(projects.get(project) ?? []), one]);
  }
  for (const members of projects.values()) members.sort((a, b) => compareText(nameOf(a), nameOf(b)));
  return new Map([...projects].sort(([a], [b]) => compareText(a, b)));
}

const verbs: readonly [Verb, "startAll" | "stopAll" | "restartAll"][] = [
  ["start", "startAll"],
  ["stop", "stopAll"],
  ["restart", "restartAll"],
];

function Project({ name, members }: { name: string; members: readonly ContainerSummary[] }) {
  const t = useWords();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const running = members.filter(({ State: state }) => state === "running").length;
  return (
    <section class="panel" aria-label={name}>
      <header class="panel-head">
        <h2>
          <Link to={addressOf(["projects", name])}>{name}</Link>{" "}
          <span class="muted">{t.runningOf(running, members.length)}</span>
        </h2>
        <Link to={addressOf(["projects", name, "logs"])} class="button">
          <Icon name="logs" /> {t.logsTogether}
        </Link>
        {!isReadOnly &&
          verbs.map(([verb, text]) => (
            <button key={verb} type="button" onClick={() => void act(verb, members)}>
              <Icon name={verb === "start" ? "start" : verb === "stop" ? "stop" : "restart"} /> {t[text]}
            </button>
          ))}
      </header>
      <TextTable
        label={name}
        head={[t.service, t.name, t.state, t.image, t.ports]}
        rows={members.map((one) => [
          serviceOf(one),
          <Link key="name" to={addressOf(["containers", one.Id.slice(0, 12)])}>
            {nameOf(one)}
          </Link>,
          <State key="state" state={one.State} status={one.Status} />,
          one.Image,
          <Ports key="ports" ports={one.Ports} />,
        ])}
      />
    </section>
  );
}
