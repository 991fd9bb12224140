import type { NewNetwork } from "../../client/networks.ts";
import { defineCommand } from "../command.ts";
import { checkLabel } from "../container/create-values.ts";
import { toPairs } from "../container/env-file.ts";
import { bool, commaList, map, repeated, string } from "../flag.ts";
import { buildIpam } from "./ipam-config.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK",
  arity: [1, 1],
  flags: {
    attachable: bool("", "Enable manual container attachment"),
    "aux-address": map("", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    "config-from": string("", "The network from which to copy the configuration"),
    "config-only": bool("", "Create a configuration only network"),
    driver: string("d", "Driver to manage the Network", "bridge"),
    gateway: commaList("", "IPv4 or IPv6 Gateway for the master subnet"),
    ingress: bool("", "Create swarm routing-mesh network"),
    internal: bool("", "Restrict external access to the network"),
    "ip-range": commaList("", "Allocate container ip from a sub-range"),
    "ipam-driver": string("", "IP Address Management Driver", "default"),
    "ipam-opt": map("", "Set IPAM driver specific options"),
    ipv4: bool("", "Enable or disable IPv4 address assignment", true),
    ipv6: bool("", "Enable or disable IPv6 address assignment"),
    label: repeated("", "Set metadata on a network", "list", checkLabel),
    opt: map("o", "Set driver specific options"),
    scope: string("", "Control the network's scope"),
    subnet: commaList("", "Subnet in CIDR format that represents a network segment"),
  },
  async run({ cli, flags, given, args: [name = ""] }) {
    const body: NewNetwork = {
      Name: name,
      Driver: flags.driver,
      Scope: flags.scope,
      ...(given.has("ipv4") && { EnableIPv4: flags.ipv4 }),
      ...(given.has("ipv6") && { EnableIPv6: flags.ipv6 }),
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags["config-only"],
      ...(flags["config-from"] !== "" && { ConfigFrom: { Network: flags["config-from"] } }),
      IPAM: {
        Driver: flags["ipam-driver"],
        Options: flags["ipam-opt"],
        Config: buildIpam({
          subnets: flags.subnet,
          ranges: flags["ip-range"],
          gateways: flags.gateway,
          auxiliary: flags["aux-address"],
        }),
      },
      Options: flags.opt,
      Labels: toPairs(flags.label),
    };
    const client = await cli.client();
    const { Id, Warning } = await client.networks.create(body);
    if (Warning) cli.warn(`WARNING: ${Warning}`);
    cli.print(Id);
  },
});
