import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSubnet, parseSubnet, type Subnet } from "../../src/formats/ip-address.ts";
import { bridgeSources, findFreeSubnet, networkSources } from "../../src/networks/free-subnets.ts";

const subnet = (text: string) => parseSubnet(text) ?? assert.fail(text);

/** All that there are, one after the other. */
function takeAll(sources: typeof bridgeSources): string[] {
  const near: Subnet[] = [];
  for (;;) {
    try {
      near.push(findFreeSubnet(sources, { near, far: [] }));
    } catch {
      return near.map(formatSubnet);
    }
  }
}

test("the default bridge is offered Docker's 31 subnets, users' networks the same addresses in pieces of 256", () => {
  const large = takeAll(bridgeSources);
  assert.equal(large.length, 31);
  assert.deepEqual(
    [large[0], large[14], large[15], large[30]],
    ["172.17.0.0/16", "172.31.0.0/16", "192.168.0.0/20", "192.168.240.0/20"],
  );
  const small = takeAll(networkSources);
  assert.equal(small.length, 16 * 256);
  assert.deepEqual(
    [small[0], small[256], small.at(-1)],
    ["172.17.0.0/24", "172.18.0.0/24", "192.168.255.0/24"],
  );
});

test("what overlaps is passed over, however small or large it is", () => {
  const find = (near: string[], far: string[] = []) =>
    formatSubnet(findFreeSubnet(networkSources, { near: near.map(subnet), far: far.map(subnet) }));
  assert.equal(find(["172.17.0.0/16"]), "172.18.0.0/24");
  assert.equal(find(["172.17.0.200/32", "172.17.1.0/30"]), "172.17.2.0/24");
  assert.equal(find(["172.17.0.0/20", "172.16.0.0/13"]), "172.24.0.0/24");
  assert.equal(find(["172.16.0.0/12"]), "192.168.0.0/24");
  assert.equal(find([], ["172.16.0.0/12"]), "192.168.0.0/24");
  assert.equal(find(["172.17.0.0/16"], ["172.16.0.0/12", "192.168.0.0/16"]), "172.18.0.0/24");
});

test("a size of one's own is cut as well, unless it is larger than the pools", () => {
  const find = (size: number) => formatSubnet(findFreeSubnet(bridgeSources, { near: [], far: [] }, 4, size));
  assert.equal(find(28), "172.17.0.0/28");
  assert.equal(find(15), "172.18.0.0/15");
  assert.throws(() => find(8), {
    kind: "invalid",
    message: /^all predefined address pools have been fully subnetted: .*--subnet/,
  });
});
