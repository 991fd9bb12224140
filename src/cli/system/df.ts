import type { DiskUsageResponse } from "../../formats/docker-api/docker-api-system.ts";
import { type GoStruct, goRow } from "../../formats/go-template/go-template.ts";
import { formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";
import { printVerbose } from "./df-verbose.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    format: string("", formatHelp),
    verbose: bool("v", "Show detailed information on space usage"),
  },
  async run({ cli, flags }) {
    const client = await cli.client();
    const usage = await client.diskUsage();
    if (flags.verbose) {
      printVerbose(cli, usage, flags.format);
      return;
    }
    printList(cli, {
      format: flags.format,
      raw: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n",
      table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
      headers: {
        Type: "TYPE",
        TotalCount: "TOTAL",
        Active: "ACTIVE",
        Size: "SIZE",
        Reclaimable: "RECLAIMABLE",
      },
      rows: [imagesRow(usage), containersRow(usage), volumesRow(usage), cacheRow(usage)],
    });
  },
});

interface Summary {
  type: string;
  total: number;
  active: number;
  sizeBytes: number;
  reclaimableBytes: number;
  /** Whether the part that can be had back is also given in percent. */
  isPercent: boolean;
}

function summaryRow(summary: Summary): GoStruct {
  const { sizeBytes, reclaimableBytes } = summary;
  const percent =
    summary.isPercent && sizeBytes > 0 ? ` (${Math.trunc((reclaimableBytes * 100) / sizeBytes)}%)` : "";
  return goRow("*formatter.diskUsageContext", {
    Type: () => summary.type,
    TotalCount: () => String(summary.total),
    Active: () => String(summary.active),
    Size: () => formatSize(sizeBytes),
    Reclaimable: () => formatSize(reclaimableBytes) + percent,
  });
}

const sum = <T>(items: readonly T[], sizeOf: (item: T) => number) =>
  items.reduce((total, item) => total + Math.max(0, sizeOf(item)), 0);

function imagesRow(usage: DiskUsageResponse): GoStruct {
  const images = usage.Images ?? [];
  const used = images.filter((image) => image.Containers !== 0);
  const usedBytes = sum(used, (image) => (image.SharedSize === -1 ? 0 : image.Size - image.SharedSize));
  return summaryRow({
    type: "Images",
    total: images.length,
    active: images.filter((image) => image.Containers > 0).length,
    sizeBytes: usage.LayersSize,
    reclaimableBytes: usage.LayersSize - usedBytes,
    isPercent: true,
  });
}

function containersRow(usage: DiskUsageResponse): GoStruct {
  const containers = usage.Containers ?? [];
  const isActive = ({ State }: { State: string }) => ["running", "paused", "restarting"].includes(State);
  return summaryRow({
    type: "Containers",
    total: containers.length,
    active: containers.filter(isActive).length,
    sizeBytes: sum(containers, (container) => Math.max(container.SizeRw ?? 0, 0)),
    reclaimableBytes: sum(
      containers.filter((container) => !isActive(container)),
      (container) => Math.max(container.SizeRw ?? 0, 0),
    ),
    isPercent: true,
  });
}

function volumesRow(usage: DiskUsageResponse): GoStruct {
  const volumes = usage.Volumes ?? [];
  const sizeOf = (volume: (typeof volumes)[number]) => Math.max(volume.UsageData?.Size ?? 0, 0);
  const isUsed = (volume: (typeof volumes)[number]) => (volume.UsageData?.RefCount ?? 0) > 0;
  return summaryRow({
    type: "Local Volumes",
    total: volumes.length,
    active: volumes.filter(isUsed).length,
    sizeBytes: sum(volumes, sizeOf),
    reclaimableBytes: sum(
      volumes.filter((volume) => !isUsed(volume)),
      sizeOf,
    ),
    isPercent: true,
  });
}

function cacheRow(usage: DiskUsageResponse): GoStruct {
  const cache = usage.BuildCache ?? [];
  return summaryRow({
    type: "Build Cache",
    total: cache.length,
    active: cache.filter((record) => record.InUse).length,
    sizeBytes: sum(
      cache.filter((record) => !record.Shared),
      (record) => record.Size,
    ),
    reclaimableBytes: sum(
      cache.filter((record) => !record.InUse && !record.Shared),
      (record) => record.Size,
    ),
    isPercent: false,
  });
}
