import { createHash, randomUUID } from "node:crypto";
import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { Images } from "../../images/images.ts";
import type { PlannedImage } from "../frontend/planned-image.ts";
import { type Reporter, reportWork } from "../progress.ts";

/** An image that has come of a build. */
export interface ExportedImage {
  /** The image's id. */
  digest: string;
  /** In full: "docker.io/library/app". */
  names: string[];
}

export const exportVertex = (name: string) => {
  const digest = createHash("sha256").update(`${name} ${randomUUID()}`).digest("hex");
  return { digest: `sha256:${digest}`, inputs: [], name };
};

/**
 * Makes an image of a build's layers, and gives it its names.
 * @param names as the user wrote them
 * @throws EngineError invalid for a bad name
 */
export function exportImage(
  images: Images,
  report: Reporter,
  {
    image,
    layers,
    names,
    sourceDate,
  }: {
    image: PlannedImage;
    layers: readonly string[];
    names: readonly string[];
    sourceDate: number | undefined;
  },
): Promise<ExportedImage> {
  const vertex = exportVertex("exporting to image");
  return reportWork(report, vertex, async () => {
    const line = (id: string) => {
      const started = Date.now();
      return () => {
        const status = {
          id,
          vertex: vertex.digest,
          name: id,
          current: 0,
          total: 0,
          started,
          completed: Date.now(),
        };
        report({ kind: "status", status });
      };
    };
    const references = names.map((name) => withDefaultTag(parseReference(name)));
    const done = line("exporting layers");
    const created = new Date(sourceDate ?? Date.now()).toISOString();
    const history = image.config.history?.map((entry) => ({ ...entry, created: entry.created ?? created }));
    const record = await images.addBuilt({
      config: { ...image.config, created, ...(history && { history }) },
      layers,
      ...(image.baseContent && { base: image.baseContent }),
      names: references.map(formatReference),
    });
    done();
    line(`writing image ${record.id}`)();
    for (const name of names) line(`naming to ${nameInFull(name)}`)();
    return { digest: record.id, names: names.map(nameInFull) };
  });
}

/** With its registry, and without a tag that was not given. */
function nameInFull(name: string): string {
  const { domain, path, tag } = parseReference(name);
  return `${domain}/${path}${tag ? `:${tag}` : ""}`;
}
