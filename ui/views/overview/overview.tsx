import { useState } from "preact/hooks";
import type { DiskUsageResponse } from "../../../src/formats/docker-api/docker-api-system.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import { containers } from "../../live/containers.ts";
import { useResource } from "../../live/resource.ts";
import { TextTable } from "../../parts/facts.tsx";
import { Link } from "../../parts/link.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { addressOf } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { Events } from "./events.tsx";
import { Prune } from "./prune.tsx";
import { UsageCharts } from "./usage-charts.tsx";

/** The machine at a glance. */
export function OverviewView() {
  const t = useWords();
  return (
    <section class="view scrolls">
      <header class="view-head">
        <h1>{t.overview}</h1>
      </header>
      <Counts />
      <UsageCharts />
      <div class="pair">
        <Disk />
        <Events />
      </div>
    </section>
  );
}

function Counts() {
  const t = useWords();
  const all = useStore(containers) ?? [];
  const count = (state: string) => all.filter(({ State }) => State === state).length;
  const sick = all.filter(({ Status }) => /\(unhealthy\)/.test(Status)).length;
  const counts = [
    ["running", t.running, count("running")],
    ["exited", t.stopped, count("exited")],
    ["paused", t.paused, count("paused")],
    ["unhealthy", t.unhealthy, sick],
  ] as const;
  return (
    <div class="counts">
      {counts.map(([state, text, number]) => (
        <Link
          key={state}
          to={addressOf(["containers"], { state })}
          class={`count state ${number > 0 ? state : ""}`}
        >
          <strong>{number}</strong> {text}
        </Link>
      ))}
    </div>
  );
}

function Disk() {
  const t = useWords();
  const use = useResource<DiskUsageResponse>("/system/df", ["image", "volume"]);
  const [isPruning, setPruning] = useState(false);
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{t.diskUse}</h2>
        {!isReadOnly && (
          <button type="button" onClick={() => setPruning(true)}>
            {t.prune}
          </button>
        )}
      </header>
      <Loaded of={use}>
        {(found) => (
          <TextTable
            label={t.diskUse}
            head={["", t.size, t.reclaimable]}
            rows={sumsOf(found).map(({ room, sizeBytes, freeBytes }) => [
              t[room],
              formatBytes(sizeBytes),
              formatBytes(freeBytes),
            ])}
          />
        )}
      </Loaded>
      {isPruning && (
        <Prune
          onClose={() => {
            setPruning(false);
            use.reload();
          }}
        />
      )}
    </section>
  );
}

interface Sum {
  room: "images" | "containers" | "volumes" | "pruneBuildCache";
  sizeBytes: number;
  freeBytes: number;
}

/** As `docker system df` sums up. */
function sumsOf({ LayersSize, Images, Containers, Volumes, BuildCache }: DiskUsageResponse): Sum[] {
  const sum = <T,>(items: readonly T[] | null, size: (item: T) => number | undefined) =>
    (items ?? []).reduce((total, item) => total + Math.max(0, size(item) ?? 0), 0);
  const unused = (Images ?? []).filter((one) => one.Containers === 0);
  return [
    {
      room: "images",
      sizeBytes: LayersSize,
      freeBytes: sum(unused, (one) => one.Size - Math.max(0, one.SharedSize)),
    },
    {
      room: "containers",
      sizeBytes: sum(Containers, ({ SizeRw }) => SizeRw),
      freeBytes: sum(Containers, ({ SizeRw, State }) => (State === "running" ? 0 : SizeRw)),
    },
    {
      room: "volumes",
      sizeBytes: sum(Volumes, ({ UsageData }) => UsageData?.Size),
      freeBytes: sum(Volumes, ({ UsageData }) => (UsageData?.RefCount === 0 ? UsageData.Size : 0)),
    },
    {
      room: "pruneBuildCache",
      sizeBytes: sum(BuildCache, ({ Size }) => Size),
      freeBytes: sum(BuildCache, ({ Size, InUse }) => (InUse ? 0 : Size)),
    },
  ];
}
