import { notFound } from "../../errors.ts";
import type { AnalyzedLayer, ImageAnalysis } from "../../formats/docker-api/docker-api-layers.ts";
import type { ImageConfig } from "../../formats/image-config.ts";
import type { ImageRoom } from "../room.ts";
import { mainManifest, type PresentManifest } from "../select-manifest.ts";
import type { ImageRecord } from "../store/catalog.ts";

/** Looks into the layers of images, which stay as long as that takes. */
export interface ImageExplorer {
  /** @throws invalid for an image with too many files */
  analyze(image: ImageRecord, manifest?: PresentManifest, signal?: AbortSignal): Promise<ImageAnalysis>;
  /** The names in a layer as lines of JSON, each a `LayerEntry`; the base is number 0. @throws notFound */
  layerEntries(image: ImageRecord, number: number, manifest?: PresentManifest): AsyncIterable<Buffer>;
  /** The bytes of a file as layers 0 to `number` show it; links are followed. @throws notFound */
  readFile(file: ExploredFile): AsyncIterable<Buffer>;
}

interface ExploredFile {
  image: ImageRecord;
  manifest?: PresentManifest | undefined;
  number: number;
  /** As in a container. */
  path: string;
}

export function createImageExplorer({ catalog, layers, jobs }: ImageRoom): ImageExplorer {
  const directoryOf = (chainId: string) => layers.directory(chainId);

  /** @throws notFound */
  function chainsUpTo(number: number, image: ImageRecord, manifest = mainManifest(image)): string[] {
    const { layers: chains } = manifest.content;
    if (number in chains) return chains.slice(0, number + 1);
    throw notFound(`no such layer: ${number} (image ${image.id} has ${chains.length})`);
  }

  async function* protectedRead(
    chains: readonly string[],
    read: () => AsyncIterable<Buffer>,
  ): AsyncGenerator<Buffer> {
    const { promise: isRead, resolve: finish } = Promise.withResolvers<void>();
    const kept = catalog.protect(chains, () => isRead);
    try {
      yield* read();
    } finally {
      finish();
      await kept;
    }
  }

  return {
    async analyze(image, manifest = mainManifest(image), signal) {
      const { config, layers: chains } = manifest.content;
      const { layers: measured, ...rest } = await catalog.protect(chains, () =>
        jobs.analyze(chains.map(directoryOf), signal),
      );
      const described = describeLayers(config);
      return {
        Image: image.id,
        Layers: measured.map((layer, number) => ({ Number: number, ...steps(described[number]), ...layer })),
        ...rest,
      };
    },
    layerEntries(image, number, manifest) {
      const chains = chainsUpTo(number, image, manifest);
      return protectedRead(chains, () => jobs.listEntries(directoryOf(chains[number] ?? "")));
    },
    readFile({ image, manifest, number, path }) {
      const chains = chainsUpTo(number, image, manifest);
      return protectedRead(chains, () => jobs.readFile(chains.map(directoryOf).reverse(), path));
    },
  };
}

type Described = Pick<AnalyzedLayer, "Digest" | "CreatedBy" | "Comment" | "Created">;

const steps = (one: Described | undefined): Described =>
  one ?? { Digest: "", CreatedBy: "", Comment: "", Created: "" };

/** The layers' digests, with the steps of the history that made them. */
function describeLayers({ rootfs, history = [] }: ImageConfig): Described[] {
  const made = history.filter(({ empty_layer: isEmpty }) => !isEmpty);
  return rootfs.diff_ids.map((Digest, number) => ({
    Digest,
    CreatedBy: made[number]?.created_by ?? "",
    Comment: made[number]?.comment ?? "",
    Created: made[number]?.created ?? "",
  }));
}
