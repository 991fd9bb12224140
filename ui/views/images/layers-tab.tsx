import { useMemo, useState } from "preact/hooks";
import type { AnalyzedLayer, ImageAnalysis } from "../../../src/formats/docker-api/docker-api-layers.ts";
import { FileDialog, type ShownFile } from "../../files/file-dialog.tsx";
import { formatBytes } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import { useLatest } from "../../live/latest.ts";
import { useResource } from "../../live/resource.ts";
import { download } from "../../parts/download.ts";
import { TextTable } from "../../parts/facts.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt } from "../../parts/notices.tsx";
import { LayerFiles } from "./layer-files.tsx";
import { fileTarget, layersOf, readLayeredText, useLayerView } from "./layer-view.ts";

const shownWaste = 20;
const baseName = (path: string) => path.split("/").at(-1) || "file";

/** What each layer changes, the files up to it, and the bytes that the image does not show. */
export function LayersTab({ id }: { id: string }) {
  const analysis = useResource<ImageAnalysis>(layersOf(id), []);
  const t = useWords();
  return (
    <Loaded of={analysis}>
      {(found) =>
        found.Layers.length > 0 ? (
          <Explorer key={found.Image} id={id} analysis={found} />
        ) : (
          <p class="empty">{t.noLayers}</p>
        )
      }
    </Loaded>
  );
}

function Explorer({ id, analysis }: { id: string; analysis: ImageAnalysis }) {
  const t = useWords();
  const { Layers } = analysis;
  const [layer, setLayer] = useState(Layers.length - 1);
  const [isWaste, setWaste] = useState(false);
  const [shown, setShown] = useState<{ file: ShownFile; target: string }>();
  const begin = useLatest([id, layer]);
  const { view, failure } = useLayerView(id, layer);
  const percent = `${(analysis.Efficiency * 100).toFixed(1)} %`;
  const open = (path: string) =>
    void attempt(t.files, async () => {
      const isWanted = begin();
      const target = fileTarget(id, layer, path);
      const file = await readLayeredText(target, path);
      if (isWanted()) setShown({ file, target });
    });
  return (
    <div class="explorer">
      <div class="explorer-layers">
        <p>
          {t.efficiency}: <b>{percent}</b>{" "}
          {analysis.WastedFiles > 0 ? (
            <button type="button" class="quiet" aria-expanded={isWaste} onClick={() => setWaste(!isWaste)}>
              {t.layersWasted(formatBytes(analysis.WastedBytes))}
            </button>
          ) : (
            <span class="muted">{t.layersEfficient}</span>
          )}
        </p>
        {isWaste && <Waste analysis={analysis} />}
        <LayerList layers={Layers} current={layer} onChoose={setLayer} />
      </div>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {!view && failure === undefined && <p class="muted">{t.layersLoading}</p>}
      {view && <LayerFiles key={layer} view={view} onRead={open} />}
      {shown && (
        <FileDialog
          file={shown.file}
          onDownload={() => void download(shown.target, baseName(shown.file.path))}
          onClose={() => setShown(undefined)}
        />
      )}
    </div>
  );
}

interface LayerListProps {
  layers: readonly AnalyzedLayer[];
  current: number;
  onChoose(number: number): void;
}

function LayerList({ layers, current, onChoose }: LayerListProps) {
  const t = useWords();
  return (
    <ul class="layer-list" aria-label={t.layers}>
      {layers.map(({ Number: number, Size, Added, Modified, Removed, CreatedBy }) => (
        <li key={number}>
          <button type="button" aria-pressed={number === current} onClick={() => onChoose(number)}>
            <b>{number}</b> <span class="size">{formatBytes(Size)}</span>{" "}
            <span class="change k1">+{Added}</span> <span class="change k0">~{Modified}</span>{" "}
            <span class="change k2">−{Removed}</span>
            <code title={CreatedBy}>{CreatedBy || "–"}</code>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Waste({ analysis: { Wasted, WastedFiles } }: { analysis: ImageAnalysis }) {
  const t = useWords();
  const rows = useMemo(
    () =>
      Wasted.slice(0, shownWaste).map(({ Path, Copies, Bytes }) => [
        formatBytes(Bytes),
        Copies,
        <code key="path">/{Path}</code>,
      ]),
    [Wasted],
  );
  return (
    <>
      <TextTable label={t.wasted} head={[t.size, t.copies, t.path]} rows={rows} />
      {WastedFiles > rows.length && <p class="muted">{t.andMore(WastedFiles - rows.length)}</p>}
    </>
  );
}
