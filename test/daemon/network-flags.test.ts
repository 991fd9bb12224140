import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseDaemonFlags } from "../../src/daemon/flags.ts";
import { formatIpAddress, formatSubnet, type Subnet } from "../../src/formats/ip-address.ts";

describe("the daemon's settings of networks", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-flags-"));
  after(() => rmSync(folder, { recursive: true }));

  function read(file: unknown, ...words: string[]) {
    const path = join(folder, "daemon.json");
    writeFileSync(path, JSON.stringify(file));
    const { networks } = parseDaemonFlags(["--config-file", path, ...words]).engine;
    return networks ?? assert.fail("there are none");
  }
  const text = (subnet: Subnet | undefined) => subnet && formatSubnet(subnet);

  it("are Docker's where nothing is said", () => {
    const { bip, hasIpv6, mtu, masquerades, letsContainersTalk, enablesForwarding, ...rest } = read({});
    assert.deepEqual(
      [text(bip[4]), hasIpv6, mtu, masquerades, letsContainersTalk, enablesForwarding],
      [undefined, false, 1500, true, true, true],
    );
    assert.deepEqual(
      [rest.allowsDirectRouting, rest.guardsForwarding, rest.subnetSources, rest.defaultOptions],
      [false, true, undefined, {}],
    );
  });

  it("are read from daemon.json in Docker's shape, and from flags", () => {
    const config = read({
      bip: "10.5.0.1/16",
      bip6: "fd00:5::1/64",
      "fixed-cidr": "10.5.7.9/24",
      "fixed-cidr-v6": "fd00:5::/80",
      ipv6: true,
      mtu: 1400,
      icc: false,
      "ip-masq": false,
      "ip-forward": false,
      "ip-forward-no-drop": true,
      ip: "127.0.0.1",
      "publish-address": "127.0.0.1",
      "allow-direct-routing": true,
      "default-address-pools": [
        { base: "10.6.0.0/16", size: 24 },
        { base: "fd00:6::/48", size: 64 },
      ],
      "default-network-opts": { bridge: { "com.docker.network.driver.mtu": "1234", a: "b=c" } },
    });
    assert.deepEqual([text(config.bip[4]), text(config.bip[6])], ["10.5.0.1/16", "fd00:5::1/64"]);
    assert.deepEqual([text(config.fixedCidr[4]), text(config.fixedCidr[6])], ["10.5.7.0/24", "fd00:5::/80"]);
    assert.deepEqual(
      [config.hasIpv6, config.mtu, config.letsContainersTalk, config.masquerades, config.enablesForwarding],
      [true, 1400, false, false, false],
    );
    assert.deepEqual(
      [config.hostBinding, config.publishAddress].map((address) => address && formatIpAddress(address)),
      ["127.0.0.1", "127.0.0.1"],
    );
    assert.deepEqual([config.allowsDirectRouting, config.guardsForwarding], [true, false]);
    assert.deepEqual(
      config.subnetSources?.map(({ base, size }) => `${formatSubnet(base)} ${size}`),
      ["10.6.0.0/16 24", "fd00:6::/48 64"],
    );
    assert.deepEqual(config.defaultOptions, {
      bridge: { "com.docker.network.driver.mtu": "1234", a: "b=c" },
    });
    const flags = read(
      {},
      ...["--mtu", "1300", "--icc=false", "--ipv6"],
      ...["--default-address-pool", "base=10.6.0.0/16,size=20", "--default-network-opt", "bridge=x=y"],
    );
    assert.deepEqual([flags.mtu, flags.letsContainersTalk, flags.hasIpv6], [1300, false, true]);
    assert.deepEqual([flags.subnetSources?.length, flags.defaultOptions], [1, { bridge: { x: "y" } }]);
  });

  it("say what host-gateway stands for: one address of each family, as dockerd 28 takes and refuses them", () => {
    const gateways = (file: object, ...words: string[]) =>
      read(file, ...words).hostGateways.map(formatIpAddress);
    assert.deepEqual(gateways({}), []);
    assert.deepEqual(gateways({ "host-gateway-ip": "192.0.2.1" }), ["192.0.2.1"]);
    assert.deepEqual(gateways({ "host-gateway-ips": ["fd00::1", "192.0.2.1"] }), ["192.0.2.1", "fd00::1"]);
    assert.deepEqual(gateways({}, "--host-gateway-ip", "192.0.2.9"), ["192.0.2.9"]);
    const rows: [file: object, message: RegExp][] = [
      [{ "host-gateway-ip": "x" }, /ParseAddr\("x"\): unable to parse IP$/],
      [{ "host-gateway-ips": [""] }, /ParseAddr\(""\): unable to parse IP$/],
      [
        { "host-gateway-ips": ["192.0.2.1", "192.0.2.2"] },
        /only one IPv4 host gateway IP address can be specified$/,
      ],
      [{ "host-gateway-ips": ["::1", "::2"] }, /only one IPv6 host gateway IP address can be specified$/],
      [
        { "host-gateway-ip": "192.0.2.1", "host-gateway-ips": ["::1"] },
        /host-gateway-ip and host-gateway-ips must not both be specified in the config file$/,
      ],
    ];
    for (const [file, message] of rows) assert.throws(() => read(file), { kind: "invalid", message });
  });

  it("are refused when they make no sense", () => {
    const wrong: unknown[] = [
      ...["x", "10.0.0.1", "10.0.0.1/31", "10.0.0.1/0", "fd00::1/64"].map((bip) => ({ bip })),
      { bip6: "10.0.0.1/24" },
      { "fixed-cidr": "10.0.0.0" },
      { "fixed-cidr-v6": "10.0.0.0/24" },
      ...["x", "-1", "67", "65536"].map((mtu) => ({ mtu })),
      { ip: "localhost" },
      { "publish-address": "1.2.3" },
      { "default-address-pools": "10.0.0.0/8" },
      { "default-address-pools": [{ base: "10.0.0.0/8" }] },
      { "default-address-pools": [{ base: "10.0.0.0/8", size: 7 }] },
      { "default-address-pools": [{ base: "10.0.0.0/8", size: 33 }] },
      { "default-network-opts": ["bridge"] },
      { "default-network-opts": { bridge: "x" } },
    ];
    for (const file of wrong) assert.throws(() => read(file), { kind: "invalid" }, JSON.stringify(file));
    const strange = read(JSON.parse('{"default-network-opts": {"__proto__": {"a": "b"}}}'));
    assert.equal(Object.getPrototypeOf(strange.defaultOptions), Object.prototype);
  });
});
