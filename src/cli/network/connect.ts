import type { EndpointSettings } from "../../formats/docker-api/docker-api.ts";
import { defineCommand } from "../command.ts";
import { checkLink } from "../container/create-values.ts";
import { toPairs } from "../container/env-file.ts";
import { commaList, int, repeated, string } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  arity: [2, 2],
  flags: {
    alias: commaList("", "Add network-scoped alias for the container"),
    "driver-opt": repeated("", "driver options for the network", "strings"),
    "gw-priority": int(
      "",
      "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
    ),
    ip: string("", 'IPv4 address (e.g., "172.30.100.104")'),
    ip6: string("", 'IPv6 address (e.g., "2001:db8::33")'),
    link: repeated("", "Add link to another container", "list", checkLink),
    "link-local-ip": commaList("", "Add a link-local address for the container"),
  },
  async run({ cli, flags, args: [network = "", container = ""] }) {
    if (flags["driver-opt"].some((option) => !option.includes("="))) {
      throw new Error("invalid key/value pair format in driver options");
    }
    const endpoint: EndpointSettings = {
      IPAMConfig: {
        ...(flags.ip !== "" && { IPv4Address: flags.ip }),
        ...(flags.ip6 !== "" && { IPv6Address: flags.ip6 }),
        ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
      },
      Links: flags.link,
      Aliases: flags.alias,
      DriverOpts: toPairs(flags["driver-opt"]),
      GwPriority: flags["gw-priority"],
    };
    const client = await cli.client();
    await client.networks.connect(network, { Container: container, EndpointConfig: endpoint });
  },
});
