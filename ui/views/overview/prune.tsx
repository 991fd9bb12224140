import { useState } from "preact/hooks";
import { get, post } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords, type Words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt, tell } from "../../parts/notices.tsx";
import {
  type Candidates,
  findCandidates,
  type Holdings,
  hasGrown,
  type PruneKind,
  pruneKinds,
} from "./prune-candidates.ts";

const titles: Record<PruneKind, (t: Words) => string> = {
  containers: (t) => t.pruneContainers,
  dangling: (t) => t.pruneImagesDangling,
  images: (t) => t.pruneImagesAll,
  networks: (t) => t.pruneNetworks,
  volumes: (t) => t.pruneVolumes,
  cache: (t) => t.pruneBuildCache,
};

const mostNamed = 8;

/** Events of these types change what would go. */
const types = ["container", "image", "volume", "network", "builder"];

/** Shows what would go before it goes. */
export function Prune({ onClose }: { onClose(): void }) {
  const t = useWords();
  const df = useResource<Holdings["df"]>("/system/df", types);
  const networks = useResource<Holdings["networks"]>("/networks", types);
  const [chosen, setChosen] = useState<ReadonlySet<PruneKind>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const both = {
    ...df,
    value: df.value && networks.value ? { df: df.value, networks: networks.value } : undefined,
  };

  async function prune(shown: Candidates): Promise<void> {
    setBusy(true);
    let freed = 0;
    const isDone = await attempt(t.prune, async () => {
      // The engine removes what it finds, whatever is shown here.
      if (hasGrown(shown, findCandidates(await askHoldings(), chosen), chosen)) {
        df.reload();
        networks.reload();
        throw new Error(t.pruneHasGrown);
      }
      for (const kind of pruneKinds.filter((one) => chosen.has(one))) freed += await send(kind);
    });
    setBusy(false);
    if (!isDone) return;
    tell(t.pruneTitle, t.pruneDone(formatBytes(freed)));
    onClose();
  }

  return (
    <Dialog title={t.pruneTitle} onClose={onClose}>
      <p class="muted">{t.pruneIntro}</p>
      <Loaded of={both}>
        {(held) => {
          const found = findCandidates(held, chosen);
          const count = [...chosen].reduce((sum, kind) => sum + found[kind].length, 0);
          return (
            <>
              {pruneKinds.map((kind) => (
                <Choice
                  key={kind}
                  title={titles[kind](t)}
                  items={found[kind]}
                  isChosen={chosen.has(kind)}
                  onToggle={() => setChosen(toggled(chosen, kind))}
                />
              ))}
              <footer>
                <button type="button" onClick={onClose}>
                  {t.cancel}
                </button>
                <button
                  type="button"
                  class="danger"
                  disabled={isBusy || count === 0}
                  onClick={() => void prune(found)}
                >
                  {count === 0 ? t.pruneNothing : t.pruneNow(count)}
                </button>
              </footer>
            </>
          );
        }}
      </Loaded>
    </Dialog>
  );
}

async function askHoldings(): Promise<Holdings> {
  const [df, networks] = await Promise.all([
    get<Holdings["df"]>("/system/df"),
    get<Holdings["networks"]>("/networks"),
  ]);
  return { df, networks };
}

function toggled(chosen: ReadonlySet<PruneKind>, kind: PruneKind): ReadonlySet<PruneKind> {
  const next = new Set(chosen);
  if (!next.delete(kind)) next.add(kind);
  return next;
}

interface ChoiceProps {
  title: string;
  items: Candidates[PruneKind];
  isChosen: boolean;
  onToggle(): void;
}

function Choice({ title, items, isChosen, onToggle }: ChoiceProps) {
  const t = useWords();
  const size = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return (
    <div class="prune">
      <label class="check">
        <input type="checkbox" checked={isChosen} disabled={items.length === 0} onChange={onToggle} />
        {title}
        <span class="muted">
          {items.length} · {formatBytes(size)}
        </span>
      </label>
      {isChosen && (
        <ul class="names">
          {items.slice(0, mostNamed).map(({ id, name }) => (
            <li key={id}>{name}</li>
          ))}
          {items.length > mostNamed && <li class="muted">{t.andMore(items.length - mostNamed)}</li>}
        </ul>
      )}
    </div>
  );
}

const paths: Record<PruneKind, [path: string, filters?: object]> = {
  containers: ["/containers/prune"],
  dangling: ["/images/prune", { dangling: ["true"] }],
  images: ["/images/prune", { dangling: ["false"] }],
  networks: ["/networks/prune"],
  volumes: ["/volumes/prune", { all: ["true"] }],
  cache: ["/build/prune"],
};

/** @returns bytes that were freed */
async function send(kind: PruneKind): Promise<number> {
  const [path, filters] = paths[kind];
  const query = {
    ...(filters && { filters: JSON.stringify(filters) }),
    ...(kind === "cache" && { all: true }),
  };
  return (await post<{ SpaceReclaimed?: number }>(path, query)).SpaceReclaimed ?? 0;
}
