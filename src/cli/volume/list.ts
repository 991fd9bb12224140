import type { Volume } from "../../formats/docker-api/docker-api.ts";
import { type GoStruct, goRow } from "../../formats/go-template/go-template.ts";
import { formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, string } from "../flag.ts";
import { compareNaturally } from "../natural-order.ts";
import { formatHelp, formatLabels, printList } from "../output.ts";

export const volumeHeaders = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Availability: "AVAILABILITY",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
  Group: "GROUP",
  Status: "STATUS",
};

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    cluster: {
      ...bool("", "Display only cluster volumes, and use cluster volume list formatting"),
      isHidden: true,
    },
    filter: filterFlag('Provide filter values (e.g. "dangling=true")'),
    format: string("", formatHelp),
    quiet: bool("q", "Only display volume names"),
    size: bool("", "Display what the volumes' content takes"),
  },
  async run({ cli, flags }) {
    const client = await cli.client();
    const { Volumes } = await client.volumes.list(toFilters(flags.filter));
    const measured = flags.size && !flags.quiet ? await client.volumes.measure() : [];
    const usage = new Map(measured.map(({ Name, UsageData }) => [Name, UsageData]));
    const format = flags.format || (flags.quiet ? "" : (cli.config.volumesFormat ?? ""));
    const isPlain = format === "" || format === "table";
    const sorted = [...(Volumes ?? [])].sort((a, b) => compareNaturally(a.Name, b.Name));
    printList(cli, {
      raw: flags.quiet ? "name: {{.Name}}" : "name: {{.Name}}\ndriver: {{.Driver}}\n",
      format: flags.quiet && isPlain ? "{{.Name}}" : format,
      table: flags.size ? "{{.Driver}}\t{{.Name}}\t{{.Size}}" : "{{.Driver}}\t{{.Name}}",
      headers: volumeHeaders,
      rows: sorted.map((volume) =>
        volumeRow({ ...volume, UsageData: usage.get(volume.Name) ?? volume.UsageData }),
      ),
    });
  },
});

export function volumeRow(volume: Volume): GoStruct {
  const usage = volume.UsageData;
  return goRow("*formatter.volumeContext", {
    Name: () => volume.Name,
    Driver: () => volume.Driver,
    Scope: () => volume.Scope,
    Mountpoint: () => volume.Mountpoint,
    Labels: () => formatLabels(volume.Labels),
    Label: (name: string) => volume.Labels?.[name] ?? "",
    Links: () => (usage === undefined || usage === null ? "N/A" : String(usage.RefCount)),
    Size: () => (usage === undefined || usage === null ? "N/A" : formatSize(usage.Size)),
    Group: () => "N/A",
    Availability: () => "N/A",
    Status: () => "N/A",
  });
}
