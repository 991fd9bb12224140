import { useMemo } from "preact/hooks";
import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { formatBytes, formatPercent } from "../../formats/bytes.ts";
import { formatAgo } from "../../formats/time.ts";
import { useWords, type Words } from "../../languages/language.ts";
import { nameOf, projectOf } from "../../live/containers.ts";
import { type Rates, usage } from "../../live/usage.ts";
import { type Column, compareText } from "../../parts/columns.ts";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { Menu } from "../../parts/menu.tsx";
import { Ports, State } from "../../parts/state.tsx";
import { addressOf, go } from "../../router.ts";
import { useStore } from "../../store.ts";
import { act, commitContainer, renameContainer, verbs } from "./actions.ts";

type Row = ContainerSummary;

export function useColumns(isReadOnly: boolean): readonly Column<Row>[] {
  const t = useWords();
  return useMemo(
    () => [
      ...identityColumns(t),
      ...originColumns(t),
      ...usageColumns(t),
      ...(isReadOnly ? [] : [actionColumn(t)]),
    ],
    [t, isReadOnly],
  );
}

const addressFor = ({ Id }: Row, ...rest: string[]) => addressOf(["containers", Id.slice(0, 12), ...rest]);

function identityColumns(t: Words): Column<Row>[] {
  return [
    {
      name: "name",
      title: t.name,
      width: 100,
      grow: 3,
      rank: 0,
      compare: (a, b) => compareText(nameOf(a), nameOf(b)),
      cell: (row) => (
        <Link to={addressFor(row)} class="strong" title={nameOf(row)}>
          {nameOf(row)}
        </Link>
      ),
    },
    {
      name: "state",
      title: t.state,
      width: 95,
      rank: 1,
      compare: (a, b) => compareText(a.State, b.State),
      cell: (row) => <State state={row.State} status={row.Status} />,
    },
    {
      name: "image",
      title: t.image,
      width: 150,
      grow: 2,
      rank: 3,
      compare: (a, b) => compareText(a.Image, b.Image),
      cell: (row) => (
        <Link to={addressOf(["images", row.ImageID])} title={row.Image}>
          {row.Image.replace(/^sha256:(.{12}).*/, "$1")}
        </Link>
      ),
    },
  ];
}

function originColumns(t: Words): Column<Row>[] {
  return [
    {
      name: "ports",
      title: t.ports,
      width: 130,
      grow: 1,
      rank: 6,
      compare: (a, b) => (a.Ports[0]?.PublicPort ?? 0) - (b.Ports[0]?.PublicPort ?? 0),
      cell: (row) => <Ports ports={row.Ports} />,
    },
    {
      name: "project",
      title: t.project,
      width: 110,
      rank: 8,
      compare: (a, b) => compareText(projectOf(a), projectOf(b)),
      cell: (row) =>
        projectOf(row) && <Link to={addressOf(["projects", projectOf(row)])}>{projectOf(row)}</Link>,
    },
    {
      name: "created",
      title: t.created,
      width: 105,
      rank: 7,
      compare: (a, b) => b.Created - a.Created,
      cell: (row) => formatAgo(row.Created),
    },
  ];
}

const used = ({ Id }: Row) => usage.get().get(Id);

function usageColumns(t: Words): Column<Row>[] {
  return [
    {
      name: "cpu",
      title: t.processor,
      width: 84,
      rank: 4,
      isNumber: true,
      compare: (a, b) => (used(a)?.cpu ?? -1) - (used(b)?.cpu ?? -1),
      cell: (row) => <Used row={row} show={({ cpu }) => formatPercent(cpu)} />,
    },
    {
      name: "memory",
      title: t.memory,
      width: 90,
      rank: 5,
      isNumber: true,
      compare: (a, b) => (used(a)?.memory ?? -1) - (used(b)?.memory ?? -1),
      cell: (row) => <Used row={row} show={({ memory }) => formatBytes(memory)} />,
    },
  ];
}

/** Drawn by itself each time numbers come; the rest of the row stays. */
function Used({ row, show }: { row: Row; show(rates: Rates): string }) {
  const rates = useStore(usage).get(row.Id);
  return row.State === "running" && rates ? show(rates) : <span class="muted">–</span>;
}

function actionColumn(t: Words): Column<Row> {
  return {
    name: "actions",
    title: t.actions,
    width: 104,
    rank: 2,
    cell: (row) => <Actions row={row} t={t} />,
  };
}

function Actions({ row, t }: { row: Row; t: Words }) {
  const fitting = verbs.filter(({ fits }) => fits(row.State));
  const first = fitting
    .filter(({ verb }) => verb === "start" || verb === "stop" || verb === "restart")
    .slice(0, 2);
  return (
    <div class="row-actions">
      {first.map(({ verb, icon }) => (
        <button
          key={verb}
          type="button"
          class="icon-button"
          title={t[verb]}
          aria-label={`${t[verb]} ${nameOf(row)}`}
          onClick={() => void act(verb, [row])}
        >
          <Icon name={icon} />
        </button>
      ))}
      <Menu
        label={`${t.more}: ${nameOf(row)}`}
        items={[
          { text: t.logs, icon: "logs", run: () => go(addressFor(row, "logs")) },
          { text: t.terminal, icon: "terminal", run: () => go(addressFor(row, "terminal")) },
          ...fitting
            .filter((one) => !first.includes(one))
            .map(({ verb, icon }) => ({
              text: t[verb],
              icon,
              isDangerous: verb === "remove",
              run: () => void act(verb, [row]),
            })),
          { text: t.rename, run: () => void renameContainer(row) },
          { text: t.commit, run: () => void commitContainer(row) },
          {
            text: t.duplicate,
            icon: "copy",
            run: () => go(addressOf(["run"], { from: row.Id.slice(0, 12) })),
          },
        ]}
      />
    </div>
  );
}
