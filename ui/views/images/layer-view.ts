import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LayerEntry } from "../../../src/formats/docker-api/docker-api-layers.ts";
import { type LayerView, viewLayer } from "../../../src/formats/image-tree-view.ts";
import { atImage, send } from "../../api/call.ts";
import { textOf } from "../../api/failure.ts";
import { readJsonLines } from "../../api/json-lines.ts";
import type { ShownFile } from "../../files/file-dialog.tsx";
import { readText } from "../../files/text.ts";

export const layersOf = (id: string) => `/berth/images/${atImage(id)}/layers`;

async function readLayer(id: string, layer: number): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  const response = await send("GET", `${layersOf(id)}/${layer}/entries`);
  await readJsonLines<LayerEntry>(response, (entry) => void entries.push(entry));
  return entries;
}

/** An image's files up to one of its layers; each layer is asked for once. */
export function useLayerView(id: string, layer: number): { view?: LayerView; failure?: string } {
  const known = useRef(new Map<number, Promise<LayerEntry[]>>());
  const [state, setState] = useState<{ layer: number; layers?: LayerEntry[][]; failure?: string }>();
  useEffect(() => {
    let isWanted = true;
    const below = Array.from({ length: layer + 1 }, (_, number) => {
      const entries = known.current.get(number) ?? readLayer(id, number);
      known.current.set(number, entries);
      return entries;
    });
    Promise.all(below).then(
      (layers) => isWanted && setState({ layer, layers }),
      (error: unknown) => {
        known.current.clear();
        if (isWanted) setState({ layer, failure: textOf(error) });
      },
    );
    return () => {
      isWanted = false;
    };
  }, [id, layer]);
  return useMemo(() => {
    if (state?.layer !== layer) return {};
    if (state.failure !== undefined) return { failure: state.failure };
    return state.layers ? { view: viewLayer(state.layers) } : {};
  }, [state, layer]);
}

export const fileTarget = (id: string, layer: number, path: string) =>
  `${layersOf(id)}/${layer}/file?path=${encodeURIComponent(path)}`;

/** @param target as `fileTarget` gives it @throws Failure */
export async function readLayeredText(target: string, path: string): Promise<ShownFile> {
  const { body } = await send("GET", target);
  return readText(`/${path}`, body ?? new Blob().stream());
}
