import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { addInterface } from "../../src/networks/add-interface.ts";
import type { HostSide } from "../../src/networks/interface.ts";
import { createHostLinks } from "../../src/networks/links.ts";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
import { closeNetns, enterNetns, enterNewNetns, openOwnNetns, withinNetns } from "../../src/sys/netns.ts";

test("a link is never there without its mark: a killed daemon leaves none that is nobody's", () => {
  enterNewNetns();
  const machine = openOwnNetns();
  const links = createHostLinks();
  links.ensureBridge({
    ...{ name: "add0", alias: "add0", mtu: 1500, isForeign: false, isSeparated: false },
    addresses: [parseSubnet("10.91.0.1/24")!],
  });
  enterNewNetns();
  const fd = openOwnNetns();
  enterNetns(machine);
  const inner = { fd, socket: withinNetns(fd, () => new NetlinkSocket(netlinkProtocol.route)) };

  const marks: string[] = [];
  const look = () =>
    marks.push(...links.listLinks().flatMap(({ kind, alias }) => (kind === "veth" ? alias : [])));
  const host: HostSide = {
    ...links,
    socket: {
      request(...parameters: Parameters<NetlinkSocket["request"]>) {
        links.socket.request(...parameters);
        look();
      },
    } as NetlinkSocket,
    attach(port) {
      look();
      links.attach(port);
      look();
    },
  };
  addInterface(host, inner, {
    ...{
      name: "eth1",
      attachment: { kind: "veth", bridge: "add0", isIsolated: false, alias: "an endpoint" },
    },
    ...{ addresses: [parseSubnet("10.91.0.2/24")!], gateways: [], macAddress: "", mtu: 1500, sysctls: [] },
  });
  assert.deepEqual(marks, ["an endpoint", "an endpoint", "an endpoint"]);
  inner.socket.close();
  links.socket.close();
  for (const one of [fd, machine]) closeNetns(one);
});
