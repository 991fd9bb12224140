import type { BuildCacheRecord } from "../../formats/docker-api/docker-api-system.ts";
import { type GoStruct, goRow } from "../../formats/go-template/go-template.ts";
import { formatColumns } from "../../formats/table.ts";
import { formatAge, formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: string("", formatHelp) },
  async run({ cli, flags }) {
    const client = await cli.client();
    const records = (await client.diskUsage("build-cache")).BuildCache ?? [];
    printList(cli, {
      format: flags.format,
      table: "{{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastAccessed}}",
      headers: { ID: "ID", Reclaimable: "RECLAIMABLE", Size: "SIZE", LastAccessed: "LAST ACCESSED" },
      rows: records.map(rowOf),
    });
    if (flags.format === "" || flags.format === "table") cli.print(formatTotals(records));
  },
});

function rowOf(record: BuildCacheRecord): GoStruct {
  const { LastUsedAt } = record;
  return goRow("*formatter.diskusageContext", {
    ID: () => record.ID,
    Reclaimable: () => String(!record.InUse),
    // The star says that the size is counted elsewhere too.
    Size: () => formatSize(record.Size) + (record.Shared ? "*" : ""),
    LastAccessed: () => (LastUsedAt ? `${formatAge((Date.now() - Date.parse(LastUsedAt)) / 1000)} ago` : ""),
    Type: () => record.Type,
    Description: () => record.Description,
    UsageCount: () => String(record.UsageCount),
    Shared: () => String(record.Shared),
  });
}

function formatTotals(records: readonly BuildCacheRecord[]): string {
  const sum = (counts: (record: BuildCacheRecord) => boolean) =>
    formatSize(records.filter(counts).reduce((total, { Size }) => total + Size, 0));
  const parts = [`Shared:\t${sum(({ Shared }) => Shared)}`, `Private:\t${sum(({ Shared }) => !Shared)}`];
  return formatColumns(
    [
      ...(records.some(({ Shared }) => Shared) ? parts : []),
      `Reclaimable:\t${sum(({ InUse }) => !InUse)}`,
      `Total:\t${sum(() => true)}`,
    ].join("\n"),
  );
}
