import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpAddress, parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import type { Bridge } from "../../src/networks/bridge.ts";
import { createFirewall } from "../../src/networks/firewall.ts";
import type { Kernel } from "../../src/networks/kernel.ts";
import type { Publication } from "../../src/networks/port-map.ts";
import { run } from "./machine.ts";

const address = (text: string) => parseIpAddress(text) ?? assert.fail(text);

function newBridge(number: number): Bridge {
  const subnet = parseSubnet(`10.${number}.0.0/16`) ?? assert.fail();
  return {
    link: `br${number}`,
    ...{ homes: [{ subnet, gateway: undefined }], isInternal: false, letsContainersTalk: true },
    ...{ modes: { 4: "nat", 6: "nat" }, trustedInterfaces: [], sources: {}, masquerades: true },
  } as unknown as Bridge;
}

test("a port that comes or goes costs the same however many others there are", async () => {
  const routes = new Map<string, string>();
  const changed: string[] = [];
  const firewall = createFirewall({
    ...{ tableName: "berth-work", logger: createLogger("silent"), allowsDirectRouting: false },
    kernel: {
      changeElements: async ({ elements }) =>
        void changed.push(...elements.map(({ verb, set }) => `${verb} ${set}`)),
      setSysctl: async ({ path, value }) => {
        routes.set(path.split("/").at(-2) ?? "", value);
        return "";
      },
      ownTable: async () => true,
    } as Partial<Kernel> as Kernel,
  });
  let reads = 0;
  const publish = (hostPort: number, bridge: number, host = "127.0.0.1"): Publication => {
    const containerAddress = address(`10.${bridge}.0.2`);
    return {
      ...{ protocol: "tcp", hostAddress: address(host), hostPort, containerPort: 80 },
      get containerAddress() {
        reads++;
        return containerAddress;
      },
    };
  };
  for (const number of [1, 2, 3]) await firewall.addBridge(newBridge(number));
  await firewall.add(
    "many",
    Array.from({ length: 5000 }, (_, port) => publish(port + 1, 1)),
  );
  assert.deepEqual([routes.get("br1"), routes.get("br2")], ["1", "0"]);

  const one = [publish(6000, 2), publish(6001, 2)];
  const other = [publish(6002, 2, "192.0.2.1")];
  reads = 0;
  changed.length = 0;
  await firewall.add("one", one);
  await firewall.add("other", other);
  assert.equal(routes.get("br2"), "1");
  await firewall.remove("one", one);
  assert.deepEqual(changed.splice(0), [
    ...["add opened", "add published", "add published", "add opened", "add published"],
    ...["delete published", "delete published"],
  ]);
  assert.equal(routes.get("br2"), "0", "what others than this machine reach needs no loopback");
  await firewall.remove("other", other);
  assert.deepEqual(changed, ["delete opened", "delete published"]);
  assert.ok(reads < 100, `${reads} looks at publications`);

  // Bridges that come and go take what is counted with them.
  await firewall.removeBridge(newBridge(1));
  await firewall.addBridge(newBridge(1));
  await firewall.add("one", one);
  assert.deepEqual([routes.get("br1"), routes.get("br2")], ["1", "1"]);
  run("nft flush ruleset");
});
