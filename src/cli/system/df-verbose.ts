import type { ImageSummary } from "../../formats/docker-api/docker-api.ts";
import type { BuildCacheRecord, DiskUsageResponse } from "../../formats/docker-api/docker-api-system.ts";
import { type GoStruct, goRow, goStruct } from "../../formats/go-template/go-template.ts";
import { formatAge, formatSize } from "../../formats/units.ts";
import type { Cli } from "../cli.ts";
import { containerHeaders, containerRows, rawContainer } from "../container/row.ts";
import { imageHeaders, imageLines, imageRows } from "../image/row.ts";
import { executeOrExit, formatFullTime, formatList, parseOrExit } from "../output.ts";
import { volumeHeaders, volumeRow } from "../volume/list.ts";

/** Each image, container, volume and record of the build cache. @throws ExitError for a wrong template */
export function printVerbose(cli: Cli, usage: DiskUsageResponse, format: string): void {
  const isTable = format === "" || format.startsWith("table");
  const rows = rowsOf(usage, isTable);
  if (format === "" || format === "table") {
    const cacheBytes = (usage.BuildCache ?? [])
      .filter((record) => !record.Shared)
      .reduce((total, record) => total + Math.max(0, record.Size), 0);
    cli.print(formatTables(rows, cacheBytes));
    return;
  }
  const source = format === "json" ? "{{json .}}" : format === "raw" ? rawFormat : format;
  const template = parseOrExit(
    source
      .replace(/^table/, "")
      .trim()
      .replaceAll("\\t", "\t")
      .replaceAll("\\n", "\n"),
    "template parsing error: ",
  );
  const all = { ...goStruct("*formatter.diskUsageContext", rows, rows), isEscaped: true };
  // A template says itself where lines end: it is for all of them at once.
  cli.stdout.write(executeOrExit(template, all, ""));
}

type Rows = Record<"Images" | "Containers" | "Volumes" | "BuildCache", GoStruct[]>;

function rowsOf(usage: DiskUsageResponse, isTruncated: boolean): Rows {
  return {
    Images: (usage.Images ?? []).flatMap(firstLine).map(imageRows({ isTruncated })),
    Containers: (usage.Containers ?? [])
      .map((item) => ({ ...item, SizeRootFs: 0 }))
      .map(containerRows({ isTruncated })),
    Volumes: (usage.Volumes ?? []).map(volumeRow),
    BuildCache: (usage.BuildCache ?? []).map((record) => cacheRecordRow(record, isTruncated)),
  };
}

/** One for each image, with the first of its tags. */
const firstLine = (image: ImageSummary) =>
  imageLines([{ ...image, RepoDigests: [] }], { hasDigests: false })
    .slice(0, 1)
    .map((line) => ({ ...line, digest: "" }));

function formatTables(rows: Rows, cacheBytes: number): string {
  const image =
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
  const container =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";
  const volume = "{{.Name}}\t{{.Links}}\t{{.Size}}";
  const record =
    "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";
  const sections: [string, string, Record<string, string>, GoStruct[]][] = [
    ["Images space usage:", image, imageHeaders, rows.Images],
    ["Containers space usage:", container, containerHeaders, rows.Containers],
    ["Local Volumes space usage:", volume, volumeHeaders, rows.Volumes],
    [`Build cache usage: ${formatSize(cacheBytes)}`, record, cacheHeaders, rows.BuildCache],
  ];
  return sections
    .map(
      ([title, table, headers, lines]) =>
        `${title}\n\n${formatList({ format: "", table, headers, rows: lines })}`,
    )
    .join("\n\n");
}

const rawFormat = `{{range .Images}}type: Image
repository: {{.Repository}}
tag: {{.Tag}}
digest: {{.Digest}}
image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}

{{end}}{{range .Containers}}type: Container
${rawContainer}size: {{.Size}}

{{end}}{{range .Volumes}}type: Volume
name: {{.Name}}
driver: {{.Driver}}

{{end}}{{range .BuildCache}}type: Build Cache
build_cache_id: {{.ID}}
parent_id: {{.Parent}}
build_cache_type: {{.CacheType}}
description: {{.Description}}
created_at: {{.CreatedAt}}
created_since: {{.CreatedSince}}
last_used_at: {{.LastUsedAt}}
last_used_since: {{.LastUsedSince}}
usage_count: {{.UsageCount}}
in_use: {{.InUse}}
shared: {{.Shared}}

{{end}}`;

const cacheHeaders = {
  ID: "CACHE ID",
  CacheType: "CACHE TYPE",
  Size: "SIZE",
  CreatedSince: "CREATED",
  LastUsedSince: "LAST USED",
  UsageCount: "USAGE",
  Shared: "SHARED",
};

function cacheRecordRow(record: BuildCacheRecord, isTruncated: boolean): GoStruct {
  const since = (text: string | null) =>
    text ? `${formatAge((Date.now() - Date.parse(text)) / 1000)} ago` : "";
  const time = (text: string | null) => (text ? formatFullTime(text) : "");
  return goRow("*formatter.buildCacheContext", {
    ID: () => (isTruncated ? record.ID.slice(0, 12) : record.ID) + (record.InUse ? "*" : ""),
    Parent: () => (record.Parents ?? []).join(", "),
    CacheType: () => record.Type,
    Description: () => record.Description,
    Size: () => formatSize(record.Size, 3),
    CreatedAt: () => time(record.CreatedAt),
    CreatedSince: () => since(record.CreatedAt),
    LastUsedAt: () => time(record.LastUsedAt),
    LastUsedSince: () => since(record.LastUsedAt),
    UsageCount: () => String(record.UsageCount),
    InUse: () => String(record.InUse),
    Shared: () => String(record.Shared),
  });
}
