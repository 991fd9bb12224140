import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import type { Endpoint } from "../../src/networks/endpoint.ts";
import { electGateway } from "../../src/networks/gateway.ts";
import { networkKind, newBareNetwork } from "../../src/networks/records.ts";

function endpoint(name: string, subnets: string[], priority = 0, isInternal = false): Endpoint {
  const ipam = subnets.map((subnet) => ({ subnet, gateway: subnet.replace(/\/.*/, "") }));
  const network = networkKind.read({ ...newBareNetwork(name, "bridge"), isInternal, hasIpv6: true, ipam });
  return {
    id: name,
    network,
    interfaceName: "eth0",
    addresses: subnets.map((text) => parseSubnet(text)!),
    macAddress: "",
    linkAlias: name,
    names: [],
    settings: { GwPriority: priority },
    isLeased: true,
    link: undefined,
  };
}

const elected = (family: 4 | 6, ...endpoints: Endpoint[]) => electGateway(endpoints, family)?.id;

test("the gateway is elected by priority, then families, then name, whatever the order", () => {
  const [a, b] = [endpoint("a", ["10.0.0.1/24"]), endpoint("b", ["10.1.0.1/24"])];
  assert.equal(elected(4, a, b), "a");
  assert.equal(elected(4, b, a), "a");
  assert.equal(elected(4, a, endpoint("c", ["10.2.0.1/24"], 1)), "c");
  assert.equal(elected(4, endpoint("c", ["10.2.0.1/24"], -1), b), "b");
  const dual = endpoint("z", ["10.3.0.1/24", "fd00::1/64"]);
  assert.equal(elected(4, a, dual), "z");
  assert.equal(elected(6, a, dual), "z");
});

test("internal networks, and those without addresses of the family, are no gateways", () => {
  const inside = endpoint("a", ["10.0.0.1/24"], 9, true);
  assert.equal(elected(4, inside), undefined);
  assert.equal(elected(4, inside, endpoint("b", ["10.1.0.1/24"])), "b");
  assert.equal(elected(6, endpoint("b", ["10.1.0.1/24"])), undefined);
  assert.equal(elected(4, endpoint("n", [])), undefined);
  assert.equal(elected(4), undefined);
});
