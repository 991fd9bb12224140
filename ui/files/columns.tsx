import type { ContainerFile } from "../../src/formats/docker-api/docker-api-layers.ts";
import { formatBytes } from "../formats/bytes.ts";
import { formatAgo } from "../formats/time.ts";
import type { Words } from "../languages/language.ts";
import { type Column, compareText } from "../parts/columns.ts";
import { Icon } from "../parts/icon.tsx";

const isFolder = ({ Kind }: ContainerFile) => Kind === "directory";

/** Folders come first. */
const compareNames = (a: ContainerFile, b: ContainerFile) =>
  Number(isFolder(b)) - Number(isFolder(a)) || compareText(a.Name, b.Name);

export function fileColumns(t: Words, open: (file: ContainerFile) => void): Column<ContainerFile>[] {
  return [
    {
      ...{ name: "name", title: t.name, width: 200, grow: 1, rank: 0, compare: compareNames },
      cell: (file) => (
        <button type="button" class="fold" title={file.Name} onClick={() => open(file)}>
          {isFolder(file) && <Icon name="right" />}
          {file.Name}
          {file.Target !== undefined && <i> → {file.Target}</i>}
        </button>
      ),
    },
    {
      ...{ name: "size", title: t.size, width: 100, rank: 1, isNumber: true },
      compare: (a, b) => a.Size - b.Size,
      cell: (file) => (file.Kind === "file" ? formatBytes(file.Size) : "–"),
    },
    {
      ...{ name: "modified", title: t.modified, width: 130, rank: 2 },
      compare: (a, b) => a.Modified - b.Modified,
      cell: ({ Modified }) => formatAgo(Modified),
    },
    {
      ...{ name: "mode", title: t.mode, width: 80, rank: 3 },
      cell: ({ Mode }) => <code>{Mode.toString(8).padStart(4, "0")}</code>,
    },
    {
      ...{ name: "owner", title: t.owner, width: 110, rank: 4 },
      cell: ({ UID, GID }) => <code>{`${UID}:${GID}`}</code>,
    },
  ];
}
