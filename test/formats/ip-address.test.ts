import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeIpAddress,
  doesContain,
  doOverlap,
  encodeIpAddress,
  firstAddress,
  formatIpAddress,
  formatSubnet,
  ipAddress,
  isAnyAddress,
  isLoopback,
  isSameAddress,
  lastAddress,
  macAddressOf,
  parseIpAddress,
  parseIpv4,
  parseMacAddress,
  parseSubnet,
  type Subnet,
} from "../../src/formats/ip-address.ts";

const doContain = (range: string, address: string) => doesContain(subnet(range), ipAddress(address));
const subnet = (text: string): Subnet => parseSubnet(text) ?? assert.fail(text);

test("addresses come back as they went", () => {
  const texts = ["0.0.0.0", "127.0.0.1", "172.17.0.2", "255.255.255.255"];
  for (const text of [...texts, "::", "::1", "1::", "fd00::1:0:0:2", "2001:db8::1", "::ffff:1.2.3.4"]) {
    const address = ipAddress(text);
    assert.equal(formatIpAddress(address), text);
    assert.ok(isSameAddress(decodeIpAddress(encodeIpAddress(address)), address));
    assert.equal(encodeIpAddress(address).length, text.includes(":") ? 16 : 4);
  }
  assert.equal(ipAddress("255.255.255.255").value, 0xffffffffn);
  assert.throws(() => decodeIpAddress(Buffer.alloc(5)), RangeError);
});

test("IPv6 is written as RFC 5952 has it", () => {
  const forms = {
    "2001:DB8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "0:0:0:0:0:0:0:0": "::",
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
    "::ffff:102:304": "::ffff:1.2.3.4",
    "64:ff9b::1.2.3.4": "64:ff9b::102:304",
    "fe80:0000::00ff": "fe80::ff",
  };
  for (const [text, canonical] of Object.entries(forms))
    assert.equal(formatIpAddress(ipAddress(text)), canonical);
});

test("addresses of the two families are never the same, nor in each other's subnets", () => {
  assert.ok(!isSameAddress(ipAddress("0.0.0.1"), ipAddress("::1")));
  assert.ok(!doContain("::/0", "1.2.3.4"));
  assert.ok(!doContain("0.0.0.0/0", "::1"));
  assert.ok(!doOverlap(subnet("0.0.0.0/0"), subnet("::/0")));
  assert.deepEqual(["127.0.0.53", "::1", "126.0.0.1", "::2"].map(ipAddress).map(isLoopback), [
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual(["0.0.0.0", "::", "0.0.0.1"].map(ipAddress).map(isAnyAddress), [true, true, false]);
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
    "::1::",
    "1:2:3:4:5:6:7",
    "fe80::1%eth0",
    "12345::",
    "::1.2.3",
  ])
    assert.equal(parseIpAddress(text), undefined, JSON.stringify(text));
  assert.equal(parseIpv4("::1"), undefined);
  for (const text of [
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "/8",
    "::/129",
    "::1/",
    "10.0.0.0/08x",
  ])
    assert.equal(parseSubnet(text), undefined, JSON.stringify(text));
});

test("a subnet knows its ends, up to the whole of the address space", () => {
  const ends = (text: string) =>
    [firstAddress(subnet(text)), lastAddress(subnet(text))].map(formatIpAddress).join(" ");
  assert.equal(ends("172.17.5.9/16"), "172.17.0.0 172.17.255.255");
  assert.equal(ends("192.168.255.200/25"), "192.168.255.128 192.168.255.255");
  assert.equal(ends("10.0.0.7/32"), "10.0.0.7 10.0.0.7");
  assert.equal(ends("200.1.1.1/0"), "0.0.0.0 255.255.255.255");
  assert.equal(ends("fd00:1:2::5/48"), "fd00:1:2:: fd00:1:2:ffff:ffff:ffff:ffff:ffff");
  assert.equal(formatSubnet(subnet("10.1.2.3/8")), "10.1.2.3/8");
});

test("overlap and containment look at whole subnets", () => {
  assert.ok(doOverlap(subnet("10.0.0.0/8"), subnet("10.200.1.1/24")));
  assert.ok(doOverlap(subnet("10.200.1.1/24"), subnet("10.0.0.0/8")));
  assert.ok(!doOverlap(subnet("172.17.0.0/16"), subnet("172.18.0.0/16")));
  assert.ok(doContain("172.17.0.1/16", "172.17.255.255"));
  assert.ok(!doContain("172.17.0.1/16", "172.18.0.0"));
  assert.ok(doContain("fd00::/64", "fd00::ffff:0:0:1"));
  assert.ok(!doContain("fd00::/64", "fd00:0:0:1::"));
});

test("MAC addresses are Docker's, or a unicast one that is given", () => {
  assert.equal(macAddressOf(ipAddress("172.17.0.2")), "02:42:ac:11:00:02");
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
