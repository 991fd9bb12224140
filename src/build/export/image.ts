import { invalid } from "../../errors.ts";
import { inlineCacheKey } from "../../formats/cache-config.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { BuiltPart } from "../../images/built-index.ts";
import type { Images } from "../../images/images.ts";
import { createdOf, type PlannedImage } from "../frontend/planned-image.ts";
import { lineBelow, newVertex, type Reporter, reportWork } from "../progress.ts";
import type { SolvedImage } from "../solve/solving.ts";
import type { Annotations } from "./annotations.ts";

/** What has been built for one platform. */
export interface BuiltResult extends SolvedImage {
  image: PlannedImage;
  /** What is said of it beside it, of its manifest with this digest. */
  statements?: BuiltPart["statements"];
  /** The cache of its steps, which is to be in its config. */
  inlineCache?: string;
}

/** What is to become of it. */
export interface ImageOrder {
  results: readonly BuiltResult[];
  /** As the user wrote them. */
  names: readonly string[];
  sourceDate: number | undefined;
  /** Also of a single one. */
  hasIndex: boolean;
  annotations: Annotations;
  /** Who has it in the store until `letGo`, where it is not to be kept. Without names. */
  holder?: symbol | undefined;
}

/** An image that has come of a build. */
export interface ExportedImage {
  /** The image's id. */
  digest: string;
  target: Descriptor;
  /** In full: "docker.io/library/app". */
  names: string[];
}

/** Makes an image of what was built, and gives it its names. @throws EngineError invalid for a bad name */
export function exportImage(
  images: Images,
  report: Reporter,
  order: ImageOrder,
  after: (exported: ExportedImage, line: (id: string) => () => void) => Promise<void> = async () => {},
): Promise<ExportedImage> {
  const vertex = newVertex("exporting to image");
  return reportWork(report, vertex, async () => {
    const line = lineBelow(report, vertex.digest);
    const done = line("exporting layers");
    const { id, target } = await addImage(images, order);
    done();
    line(`writing image ${id}`)();
    for (const name of order.names) line(`naming to ${nameInFull(name)}`)();
    const exported = { digest: id, target, names: order.names.map(nameInFull) };
    await after(exported, line);
    return exported;
  });
}

/** Puts it into the store. */
export async function addImage(
  images: Images,
  order: ImageOrder,
): Promise<{ id: string; target: Descriptor }> {
  const { results, sourceDate, hasIndex, annotations, holder } = order;
  const names = order.names.map((name) => formatReference(withDefaultTag(parseReference(name))));
  const parts = results.map((result) => describePart(result, sourceDate, annotations));
  const [only] = parts;
  const isPlain = parts.length === 1 && !hasIndex && only;
  if (isPlain && Object.keys(annotations.index).length > 0)
    throw invalid("index annotations not supported for single platform export");
  const { id, target } = isPlain
    ? await images.addBuilt({ ...only, names, holder })
    : await images.addBuiltIndex({ parts, names, annotations: annotations.index, holder });
  return { id, target };
}

function describePart(
  { image, layers, createdAt, statements, inlineCache }: BuiltResult,
  sourceDate: number | undefined,
  given: Annotations,
): BuiltPart {
  const { config, platform, baseContent } = image;
  const time = createdOf(image, sourceDate ?? createdAt);
  const created = time !== undefined && { created: time };
  const history = config.history?.map((entry) => ({ ...created, ...entry }));
  return {
    config: {
      ...{ ...config, ...created, ...(history && { history }) },
      ...(inlineCache !== undefined && { [inlineCacheKey]: inlineCache }),
    },
    ...{
      layers,
      platform,
      annotations: given.manifest(platform),
      descriptorAnnotations: given.descriptor(platform),
    },
    ...(baseContent && { base: baseContent }),
    statements: statements ?? (() => []),
  };
}

/** With its registry, and without a tag that was not given. */
export function nameInFull(name: string): string {
  const { domain, path, tag } = parseReference(name);
  return `${domain}/${path}${tag ? `:${tag}` : ""}`;
}
