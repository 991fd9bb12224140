import { shortId } from "../../formats/digest.ts";
import type { ImageSummary } from "../../formats/docker-api/docker-api.ts";
import { type GoStruct, goRows } from "../../formats/go-template/go-template.ts";
import { formatAge, formatSize } from "../../formats/units.ts";
import { formatLocalTime } from "../output.ts";

export const imageHeaders = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  Containers: "CONTAINERS",
};

export interface ImageLine {
  image: ImageSummary;
  repository: string;
  tag: string;
  digest: string;
}

const none = "<none>";

/** One line per tag; an image without any has one line of `<none>`. With digests, one per digest that has no tag too. */
export function imageLines(images: readonly ImageSummary[], options: { hasDigests: boolean }): ImageLine[] {
  return images.flatMap((image) => {
    const tags = (image.RepoTags ?? []).filter((text) => text !== "<none>:<none>").map(splitTag);
    const digests = (image.RepoDigests ?? []).filter((text) => text !== "<none>@<none>").map(splitDigest);
    const lines: ImageLine[] = tags.flatMap(({ repository, tag }) => {
      const own = digests.filter((digest) => digest.repository === repository);
      if (!options.hasDigests || own.length === 0) return [{ image, repository, tag, digest: none }];
      return own.map(({ digest }) => ({ image, repository, tag, digest }));
    });
    const untagged = digests.filter((digest) => !tags.some((tag) => tag.repository === digest.repository));
    if (options.hasDigests || lines.length === 0) {
      const shown = options.hasDigests ? untagged : untagged.slice(0, 1);
      lines.push(...shown.map(({ repository, digest }) => ({ image, repository, tag: none, digest })));
    }
    return lines.length > 0 ? lines : [{ image, repository: none, tag: none, digest: none }];
  });
}

function splitTag(text: string) {
  const at = text.lastIndexOf(":");
  return { repository: text.slice(0, at), tag: text.slice(at + 1) };
}

function splitDigest(text: string) {
  const at = text.indexOf("@");
  return { repository: text.slice(0, at), digest: text.slice(at + 1) };
}

export function imageRows({ isTruncated }: { isTruncated: boolean }): (line: ImageLine) => GoStruct {
  const unknownSize = (size: number) => (size === -1 ? "N/A" : formatSize(size));
  return goRows<ImageLine>("*formatter.imageContext", {
    ID: ({ image }) => (isTruncated ? shortId(image.Id) : image.Id),
    Repository: ({ repository }) => repository,
    Tag: ({ tag }) => tag,
    Digest: ({ digest }) => digest,
    CreatedSince: ({ image }) => `${formatAge(Date.now() / 1000 - image.Created)} ago`,
    CreatedAt: ({ image }) => formatLocalTime(image.Created),
    Size: ({ image }) => formatSize(image.Size, 3),
    VirtualSize: ({ image }) => formatSize(image.Size),
    SharedSize: ({ image }) => unknownSize(image.SharedSize),
    UniqueSize: ({ image: { Size, SharedSize } }) =>
      SharedSize === -1 ? "N/A" : formatSize(Size - SharedSize),
    Containers: ({ image }) => (image.Containers === -1 ? "N/A" : String(image.Containers)),
  });
}
