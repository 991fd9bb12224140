import { invalid } from "../../errors.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";

/** Annotations that an exporter is given, by what they are of. */
export interface Annotations {
  manifest(platform: Platform): Record<string, string>;
  descriptor(platform: Platform): Record<string, string>;
  index: Record<string, string>;
  /** Of an index, as its layout lists it. */
  indexDescriptor: Record<string, string>;
}

interface Given {
  kind: string;
  platform: string | undefined;
  key: string;
  value: string;
}

const kinds = ["manifest", "manifest-descriptor", "index", "index-descriptor"];

/** "annotation.KEY", "annotation-index.KEY", "annotation-manifest[linux/amd64].KEY", as BuildKit's clients write them. @throws EngineError invalid */
export function readAnnotations(attributes: ReadonlyMap<string, string>): Annotations {
  const given = [...attributes].flatMap(([name, value]): Given[] => {
    const [, kind = "manifest", platform, key] =
      /^annotation(?:-([a-z-]+))?(?:\[([^\]]*)\])?\.(.+)$/s.exec(name) ?? [];
    if (key === undefined) return [];
    if (!kinds.includes(kind)) throw invalid(`unknown annotation type ${JSON.stringify(kind)}`);
    return [{ kind, platform, key, value }];
  });
  const pick = (wanted: string, platform?: Platform) =>
    Object.fromEntries(
      given
        .filter(({ kind }) => kind === wanted)
        .filter((one) => !one.platform || (platform && one.platform === formatPlatform(platform)))
        .map(({ key, value }) => [key, value]),
    );
  return {
    manifest: (platform) => pick("manifest", platform),
    descriptor: (platform) => pick("manifest-descriptor", platform),
    index: pick("index"),
    indexDescriptor: pick("index-descriptor"),
  };
}
