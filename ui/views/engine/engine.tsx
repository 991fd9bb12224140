import { useState } from "preact/hooks";
import type { CheckFinding, InfoResponse } from "../../../src/formats/docker-api/docker-api-system.ts";
import { get, post } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { useTraits } from "../../live/traits.ts";
import { Facts, TextTable } from "../../parts/facts.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { Tree } from "../../parts/tree.tsx";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { Metrics } from "./metrics.tsx";

/** `GET /info` has more than its type names. */
type Info = InfoResponse & Record<string, unknown>;

/** What the engine is, and whether all is well with it. */
export function EngineView() {
  const t = useWords();
  const info = useResource<Info>("/info", []);
  const traits = useTraits();
  return (
    <section class="view scrolls">
      <header class="view-head">
        <h1>{t.engine}</h1>
      </header>
      <Loaded of={info}>
        {(found) => (
          <div class="sections">
            <section class="panel">
              <Facts
                rows={[
                  [t.name, found.Name],
                  [t.version, traits?.version.Version],
                  [t.apiVersion, traits?.version.ApiVersion],
                  [t.operatingSystem, String(found.OperatingSystem ?? "")],
                  [t.kernel, String(found.KernelVersion ?? "")],
                  [t.architecture, String(found.Architecture ?? "")],
                  [t.processors, String(found.NCPU ?? "")],
                  [t.memory, formatBytes(Number(found.MemTotal ?? 0))],
                  [t.storageDriver, found.Driver],
                  [t.cgroups, `${found.CgroupDriver ?? ""} ${found.CgroupVersion ?? ""}`],
                  [t.rootFolder, <code key="root">{String(found.DockerRootDir ?? "")}</code>],
                  [t.runtimes, Object.keys((found.Runtimes as object | undefined) ?? {}).join(", ")],
                ]}
              />
            </section>
            <Warnings warnings={(found.Warnings as string[] | null) ?? []} />
            {traits?.isBerth && <Check />}
            {traits?.isBerth && <Metrics />}
            <section class="panel">
              <h2>{t.configuration}</h2>
              <Tree value={found} />
            </section>
          </div>
        )}
      </Loaded>
    </section>
  );
}

function Warnings({ warnings }: { warnings: readonly string[] }) {
  const t = useWords();
  if (warnings.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t.warnings}</h2>
      {warnings.map((text) => (
        <p key={text} class="warning">
          {text}
        </p>
      ))}
    </section>
  );
}

/** `berth system check`. */
function Check() {
  const t = useWords();
  const [findings, setFindings] = useState<readonly CheckFinding[]>();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const states = {
    manual: t.repairManual,
    possible: t.repairPossible,
    done: t.repairDone,
    failed: t.repairFailed,
  };
  const ask = (what: string, work: () => Promise<CheckFinding[]>) =>
    void attempt(what, async () => setFindings(await work()));
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>
          {t.check} <span class="muted">{t.checkIntro}</span>
        </h2>
        <button type="button" onClick={() => ask(t.check, () => get<CheckFinding[]>("/berth/system/check"))}>
          {t.checkNow}
        </button>
        {!isReadOnly && findings?.some(({ Repair }) => Repair === "possible") && (
          <button
            type="button"
            class="primary"
            onClick={() => ask(t.repair, () => post<CheckFinding[]>("/berth/system/repair"))}
          >
            {t.repair}
          </button>
        )}
      </header>
      {findings?.length === 0 && <p role="status">{t.checkGood}</p>}
      {findings && findings.length > 0 && (
        <TextTable
          label={t.check}
          head={[t.name, t.status, t.repair]}
          rows={findings.map(({ Subject, Problem, Repair, Reason = "" }) => [
            Subject,
            Problem,
            `${states[Repair]} ${Reason}`,
          ])}
        />
      )}
    </section>
  );
}
