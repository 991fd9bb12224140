import assert from "node:assert/strict";
import { test } from "node:test";
import {
  doesContain,
  doOverlap,
  firstAddress,
  formatIpv4,
  formatSubnet,
  lastAddress,
  macAddressOf,
  parseIpv4,
  parseMacAddress,
  parseSubnet,
  type Subnet,
} from "../../src/formats/ip-address.ts";

const subnet = (text: string): Subnet => parseSubnet(text) ?? assert.fail(text);

test("addresses come back as they went", () => {
  for (const text of ["0.0.0.0", "127.0.0.1", "172.17.0.2", "255.255.255.255"]) {
    const address = parseIpv4(text);
    assert.equal(formatIpv4(address ?? assert.fail(text)), text);
  }
  assert.equal(parseIpv4("255.255.255.255"), 0xffffffff);
});

test("what is no address is none", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.x",
    " 1.2.3.4",
    "1.2.3.4\n",
    "-1.2.3.4",
    "::1",
  ])
    assert.equal(parseIpv4(text), undefined, JSON.stringify(text));
  for (const text of [
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "/8",
    "10.0.0.0/08x",
  ])
    assert.equal(parseSubnet(text), undefined, JSON.stringify(text));
});

test("a subnet knows its ends, up to the whole of the address space", () => {
  const ends = (text: string) =>
    [firstAddress(subnet(text)), lastAddress(subnet(text))].map(formatIpv4).join(" ");
  assert.equal(ends("172.17.5.9/16"), "172.17.0.0 172.17.255.255");
  assert.equal(ends("192.168.255.200/25"), "192.168.255.128 192.168.255.255");
  assert.equal(ends("10.0.0.7/32"), "10.0.0.7 10.0.0.7");
  assert.equal(ends("200.1.1.1/0"), "0.0.0.0 255.255.255.255");
  assert.equal(formatSubnet(subnet("10.1.2.3/8")), "10.1.2.3/8");
});

test("overlap and containment look at whole subnets", () => {
  assert.ok(doOverlap(subnet("10.0.0.0/8"), subnet("10.200.1.1/24")));
  assert.ok(doOverlap(subnet("10.200.1.1/24"), subnet("10.0.0.0/8")));
  assert.ok(!doOverlap(subnet("172.17.0.0/16"), subnet("172.18.0.0/16")));
  assert.ok(doesContain(subnet("172.17.0.1/16"), parseIpv4("172.17.255.255") ?? 0));
  assert.ok(!doesContain(subnet("172.17.0.1/16"), parseIpv4("172.18.0.0") ?? 0));
});

test("MAC addresses are Docker's, or a unicast one that is given", () => {
  assert.equal(macAddressOf(parseIpv4("172.17.0.2") ?? 0), "02:42:ac:11:00:02");
  assert.equal(parseMacAddress("02-42-AC-11-00-02"), "02:42:ac:11:00:02");
  for (const text of [
    "",
    "02:42:ac:11:00",
    "02:42:ac:11:00:0g",
    "01:42:ac:11:00:02",
    "02:42:ac:11:00:02:03",
    "0242ac110002",
  ])
    assert.equal(parseMacAddress(text), undefined, text);
});
