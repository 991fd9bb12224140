import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIpAddress, ipAddress as ip, parseSubnet } from "../../src/formats/ip-address.ts";
import { createAddressPool, firstUsable } from "../../src/networks/ipam.ts";
import { decodePool } from "../../src/networks/records.ts";

const subnet = (text: string) => parseSubnet(text) ?? assert.fail(text);

function newPool(text: string, gateway = "", range = "", auxiliary: Record<string, string> = {}) {
  return createAddressPool(
    decodePool({ subnet: text, gateway, range, auxiliary, isAutomatic: false }),
    "tiny (id)",
  );
}

test("addresses are leased in order, and a freed one comes last", () => {
  const pool = newPool("10.0.0.0/29", "10.0.0.1");
  assert.deepEqual(pool.lease(), ip("10.0.0.2"));
  assert.deepEqual(pool.lease(), ip("10.0.0.3"));
  pool.release(ip("10.0.0.2"));
  assert.deepEqual([pool.lease(), pool.lease(), pool.lease()], ["10.0.0.4", "10.0.0.5", "10.0.0.6"].map(ip));
  assert.deepEqual(pool.lease(), ip("10.0.0.2"));
  assert.throws(() => pool.lease(), {
    kind: "internal",
    message:
      "no available IPv4 addresses on this network's address pools: tiny (id): make a network with a larger --subnet",
  });
  pool.release(ip("10.0.0.4"));
  assert.deepEqual(pool.lease(), ip("10.0.0.4"));
});

test("no address is leased twice, whatever is asked", () => {
  const pool = newPool("10.0.0.0/24", "10.0.0.254");
  const fixed = pool.leaseFixed(ip("10.0.0.3"));
  const leased = Array.from({ length: 252 }, () => formatIpAddress(pool.lease()));
  assert.equal(new Set([...leased, formatIpAddress(fixed)]).size, 253);
  assert.ok(!leased.includes("10.0.0.254"));
  assert.throws(() => pool.lease(), { kind: "internal" });
  for (const address of ["10.0.0.3", "10.0.0.254", "10.0.0.0", "10.0.0.255"])
    assert.throws(() => pool.leaseFixed(ip(address)), {
      kind: "forbidden",
      message: "Address already in use",
    });
  for (const address of ["10.0.1.1", "9.255.255.255", "::5"])
    assert.throws(() => pool.leaseFixed(ip(address)), { kind: "invalid" });
});

test("only the range is given out, without what is reserved; a fixed address may be anywhere in the subnet", () => {
  const pool = newPool("10.0.0.0/24", "10.0.0.8", "10.0.0.8/30", { printer: "10.0.0.10" });
  assert.deepEqual([pool.lease(), pool.lease()].map(formatIpAddress), ["10.0.0.9", "10.0.0.11"]);
  assert.throws(() => pool.lease(), { message: /no available IPv4/ });
  assert.equal(formatIpAddress(pool.leaseFixed(ip("10.0.0.200"))), "10.0.0.200");
  assert.throws(() => pool.leaseFixed(ip("10.0.0.10")), { message: "Address already in use" });
  pool.release(ip("10.0.0.200"));
  assert.throws(() => pool.lease(), { message: /no available IPv4/ });
  const last = newPool("10.0.0.0/24", "10.0.0.1", "10.0.0.252/30");
  assert.deepEqual(
    [1, 2, 3].map(() => formatIpAddress(last.lease())),
    ["10.0.0.252", "10.0.0.253", "10.0.0.254"],
  );
  assert.throws(() => last.lease(), { message: /no available IPv4/ });
});

test("the machine is at the first address of what is given out, even where that ends in zero", () => {
  const at = (text: string, range?: string) =>
    formatIpAddress(firstUsable(subnet(text), range ? subnet(range) : undefined));
  assert.equal(at("10.0.0.0/24"), "10.0.0.1");
  assert.equal(at("172.19.0.0/16", "172.19.5.0/24"), "172.19.5.0");
  assert.equal(at("172.19.0.0/16", "172.19.0.0/24"), "172.19.0.1");
  assert.equal(at("10.0.0.4/31"), "10.0.0.4");
  assert.equal(at("10.0.0.4/32"), "10.0.0.4");
  assert.equal(at("fd00::/64"), "fd00::1");
});

test("a subnet of one or two addresses has room for as many less the machine's", () => {
  const two = newPool("10.0.0.4/31", "10.0.0.4");
  assert.equal(formatIpAddress(two.lease()), "10.0.0.5");
  assert.throws(() => two.lease(), { message: /no available/ });
  assert.throws(() => newPool("10.0.0.4/32", "10.0.0.4").lease(), { message: /no available/ });
});

test("a subnet of IPv6 is no list to walk through", () => {
  const pool = newPool("fd00::/64", "fd00::1");
  assert.deepEqual([pool.lease(), pool.lease()].map(formatIpAddress), ["fd00::2", "fd00::3"]);
  pool.leaseFixed(ip("fd00::ffff:ffff:ffff:ffff"));
  assert.equal(formatIpAddress(pool.lease()), "fd00::4");
  assert.throws(() => pool.leaseFixed(ip("fd00::")), { kind: "forbidden" });
  assert.throws(() => pool.leaseFixed(ip("0.0.0.5")), { kind: "invalid" });
  const tiny = newPool("fd00::8/127");
  assert.deepEqual([tiny.lease(), tiny.lease()].map(formatIpAddress), ["fd00::8", "fd00::9"]);
  assert.throws(() => tiny.lease(), { kind: "internal", message: /no available IPv6 addresses/ });
});
