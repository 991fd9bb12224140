import { shortId } from "../../formats/digest.ts";
import type { NetworkInspect } from "../../formats/docker-api/docker-api.ts";
import { goRow } from "../../formats/go-template/go-template.ts";
import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, string } from "../flag.ts";
import { compareNaturally } from "../natural-order.ts";
import { formatFullTime, formatHelp, formatLabels, printList } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filterFlag('Provide filter values (e.g. "driver=bridge")'),
    format: string("", formatHelp),
    "no-trunc": bool("", "Do not truncate the output"),
    quiet: bool("q", "Only display network IDs"),
  },
  async run({ cli, flags }) {
    const client = await cli.client();
    const networks = await client.networks.list(toFilters(flags.filter));
    const format = flags.format || (flags.quiet ? "" : (cli.config.networksFormat ?? ""));
    const isPlain = format === "" || format === "table";
    const sorted = [...networks].sort((a, b) => compareNaturally(a.Name, b.Name));
    printList(cli, {
      raw: flags.quiet
        ? "network_id: {{.ID}}"
        : "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
      format: flags.quiet && isPlain ? "{{.ID}}" : format,
      table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
      headers: {
        ID: "NETWORK ID",
        Name: "NAME",
        Driver: "DRIVER",
        Scope: "SCOPE",
        IPv4: "IPV4",
        IPv6: "IPV6",
        Internal: "INTERNAL",
        Labels: "LABELS",
        CreatedAt: "CREATED AT",
      },
      rows: sorted.map((network) => networkRow(network, !flags["no-trunc"])),
    });
  },
});

function networkRow(network: NetworkInspect, isTruncated: boolean) {
  return goRow("*network.networkContext", {
    ID: () => (isTruncated ? shortId(network.Id) : network.Id),
    Name: () => network.Name,
    Driver: () => network.Driver,
    Scope: () => network.Scope,
    IPv4: () => String(network.EnableIPv4 ?? false),
    IPv6: () => String(network.EnableIPv6 ?? false),
    Internal: () => String(network.Internal),
    Labels: () => formatLabels(network.Labels),
    Label: (name: string) => network.Labels?.[name] ?? "",
    CreatedAt: () => formatFullTime(network.Created),
  });
}
