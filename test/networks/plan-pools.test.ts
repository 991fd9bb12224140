import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSubnet, parseSubnet, type Subnet } from "../../src/formats/ip-address.ts";
import type { NetworkWish, Surroundings } from "../../src/networks/driver.ts";
import { planPools } from "../../src/networks/drivers/plan-pools.ts";
import { findFreeSubnet, networkSources } from "../../src/networks/free-subnets.ts";

const surroundings = {
  networks: [],
  findFreeSubnet: (family: 4 | 6, size?: number, besides: readonly Subnet[] = []) =>
    findFreeSubnet(networkSources, { near: besides, far: [] }, family, size),
} as unknown as Surroundings;

function plan(...subnets: string[]): string[] {
  const pools = subnets.map((text) => {
    const [address, length] = text.split("/");
    const any = { address: { family: 4 as const, value: 0n }, prefixLength: Number(length) };
    const subnet = address === "0.0.0.0" ? any : parseSubnet(text);
    return { subnet, range: undefined, gateway: undefined, auxiliary: new Map() };
  });
  const wish = { hasIpv4: true, hasIpv6: false, pools } as unknown as NetworkWish;
  return planPools(wish, surroundings, { hasGateway: () => false }).ipam.map(({ subnet }) => String(subnet));
}

test("subnets that the engine is to choose are no two the same, nor those that are given beside them", () => {
  const [first = ""] = plan("0.0.0.0/24");
  assert.equal(first, formatSubnet(parseSubnet(first)!));
  assert.equal(new Set(plan("0.0.0.0/24", "0.0.0.0/24", "0.0.0.0/24")).size, 3);
  const [chosen, given] = plan("0.0.0.0/24", first);
  assert.equal(given, first);
  assert.notEqual(chosen, first);
});
