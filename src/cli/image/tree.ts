import { shortId } from "../../formats/digest.ts";
import type { ImageSummary } from "../../formats/docker-api/docker-api.ts";
import type { ManifestSummary } from "../../formats/docker-api/docker-api-image.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { formatSize } from "../../formats/units.ts";

/** A line of `images --tree`. */
interface Line {
  name: string;
  id: string;
  totalBytes: number;
  contentBytes: number;
  isUsed: boolean;
}

const gap = "   ";
const headers = ["IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"] as const;
const idWidth = 12;
const none = "<untagged>";

/** Images with the platforms that they have, in Docker's columns; those without names last. Ends in an empty line. */
export function formatImageTree(images: readonly ImageSummary[]): string {
  const named = images.filter(({ RepoTags: tags }) => tags?.length);
  const sorted = [...named, ...images.filter((image) => !named.includes(image))];
  const groups = sorted.map(linesOf);
  const width =
    Math.max(headers[0].length, ...groups.flat().map(({ name }) => [...name].length)) + gap.length;
  const lines = groups.flatMap((group) => [...group.map((line) => formatLine(line, width)), ""]);
  const [image, ...others] = headers;
  const head = [image.padEnd(width + 1), others[0].padEnd(idWidth), ...others.slice(1)].join(gap);
  const legend = "Info ->  U In Use ".padStart(head.length);
  return [legend, "", head, ...lines].join("\n");
}

function linesOf(image: ImageSummary): Line[] {
  const manifests = (image.Manifests ?? []).filter(({ Kind: kind }) => kind === "image");
  const [first = none, ...others] = image.RepoTags ?? [];
  const sum = (part: "Content" | "Total") =>
    (image.Manifests ?? []).reduce((bytes, { Size: size }) => bytes + size[part], 0);
  const own: Line = {
    name: [first, ...others].join(", "),
    id: shortId(image.Id),
    totalBytes: sum("Total") || image.Size,
    contentBytes: sum("Content"),
    isUsed: image.Containers > 0 || manifests.some(isInUse),
  };
  return [own, ...manifests.map((manifest, at) => platformLine(manifest, at === manifests.length - 1))];
}

const isInUse = ({ ImageData: data }: ManifestSummary) => (data?.Containers?.length ?? 0) > 0;

function platformLine(manifest: ManifestSummary, isLast: boolean): Line {
  const { ImageData: data, Size: size } = manifest;
  return {
    name: `${isLast ? "└─" : "├─"} ${data ? formatPlatform(data.Platform) : "unknown"}`,
    id: shortId(manifest.ID),
    totalBytes: size.Total,
    contentBytes: size.Content,
    isUsed: isInUse(manifest),
  };
}

function formatLine({ name, id, totalBytes, contentBytes, isUsed }: Line, width: number): string {
  const sizes = [
    formatSize(totalBytes, 3).padStart(headers[2].length),
    formatSize(contentBytes, 3).padStart(headers[3].length),
  ];
  const used = isUsed ? "  U  " : "     ";
  return [name.padEnd(width + 1), id.padEnd(idWidth), ...sizes, used].join(gap).trimEnd();
}
