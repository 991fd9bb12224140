import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSubnet, parseIpv4, parseSubnet } from "../../src/formats/ip-address.ts";
import { createAddressPool, defaultSubnets, findFreeSubnet } from "../../src/networks/ipam.ts";

const ip = (text: string) => parseIpv4(text) ?? assert.fail(text);
const subnet = (text: string) => parseSubnet(text) ?? assert.fail(text);

test("addresses are leased in order, and a freed one comes last", () => {
  const pool = createAddressPool(subnet("10.0.0.0/29"), [ip("10.0.0.1")]);
  assert.equal(pool.lease(), ip("10.0.0.2"));
  assert.equal(pool.lease(), ip("10.0.0.3"));
  pool.release(ip("10.0.0.2"));
  assert.deepEqual([pool.lease(), pool.lease(), pool.lease()], ["10.0.0.4", "10.0.0.5", "10.0.0.6"].map(ip));
  assert.equal(pool.lease(), ip("10.0.0.2"));
  assert.throws(() => pool.lease(), { kind: "unavailable", message: /no available IPv4 addresses/ });
  pool.release(ip("10.0.0.4"));
  assert.equal(pool.lease(), ip("10.0.0.4"));
});

test("no address is leased twice, whatever is asked", () => {
  const pool = createAddressPool(subnet("10.0.0.0/24"), [ip("10.0.0.254")]);
  const fixed = pool.leaseFixed(ip("10.0.0.3"));
  const leased = Array.from({ length: 252 }, () => pool.lease());
  assert.equal(new Set([...leased, fixed]).size, 253);
  assert.ok(!leased.includes(ip("10.0.0.254")));
  assert.throws(() => pool.lease(), { kind: "unavailable" });
  for (const address of ["10.0.0.3", "10.0.0.254"])
    assert.throws(() => pool.leaseFixed(ip(address)), {
      kind: "forbidden",
      message: "Address already in use",
    });
  for (const address of ["10.0.0.0", "10.0.0.255", "10.0.1.1"])
    assert.throws(() => pool.leaseFixed(ip(address)), { kind: "invalid" });
});

test("the default pools are Docker's, and one that overlaps is passed over", () => {
  const all = [...defaultSubnets()].map(formatSubnet);
  assert.equal(all.length, 31);
  assert.deepEqual(
    [all[0], all[14], all[15], all[30]],
    ["172.17.0.0/16", "172.31.0.0/16", "192.168.0.0/20", "192.168.240.0/20"],
  );
  assert.equal(
    formatSubnet(findFreeSubnet([subnet("172.17.200.0/24"), subnet("172.18.0.0/15")])),
    "172.20.0.0/16",
  );
  assert.equal(formatSubnet(findFreeSubnet([subnet("172.16.0.0/12")])), "192.168.0.0/20");
  assert.throws(() => findFreeSubnet([subnet("0.0.0.0/0")]), { kind: "unavailable" });
});
