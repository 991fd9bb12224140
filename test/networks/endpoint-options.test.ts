import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { EndpointSettings } from "../../src/formats/docker-api/docker-api.ts";
import { ipAddress, parseSubnet } from "../../src/formats/ip-address.ts";
import { newRequest, run, startNetworks } from "./machine.ts";

const option = (name: string, value: string): EndpointSettings => ({
  DriverOpts: { [`com.docker.network.endpoint.${name}`]: value },
});

test("an interface has the name and the settings that its endpoint asks for", async () => {
  const started = await startNetworks();
  const { networks } = started;
  for (const Name of ["one", "two"]) await networks.createNetwork({ Name, EnableIPv6: true });
  const settings = [
    "net.ipv4.conf.IFNAME.log_martians=1",
    "net.ipv4.conf.ifname.rp_filter=2",
    "net.ipv6.conf.IFNAME.hop_limit=33",
  ].join();
  const request = newRequest({
    mode: "one",
    endpoints: { one: option("ifname", "lan0"), two: option("sysctls", settings) },
  });
  const sandbox = await networks.open(request);
  const inside = (command: string) => run(`nsenter --net=${sandbox.netnsPath} ${command}`);
  assert.match(inside("ip -o link"), /: lan0@.*: eth0@/s);
  assert.match(inside("ip route"), /^default via \S+ dev lan0/);
  assert.equal(
    inside(
      "sh -c 'cd /proc/sys/net; cat ipv4/conf/eth0/log_martians ipv4/conf/eth0/rp_filter ipv6/conf/eth0/hop_limit'",
    ),
    "1\n2\n33\n",
  );
  assert.equal(inside("cat /proc/sys/net/ipv6/conf/lan0/hop_limit"), "64\n");
  sandbox.release();
  await networks.close(request.owner.id);
  await started.stop();
});

test("what an endpoint cannot have is refused, and leads nowhere else", async () => {
  const started = await startNetworks();
  const { networks } = started;
  for (const Name of ["one", "two"]) await networks.createNetwork({ Name });
  const open = (one: EndpointSettings, two: EndpointSettings = {}) =>
    networks.open(newRequest({ mode: "one", endpoints: { one, two } }));
  for (const [name, reason] of [
    ["lo", "file exists"],
    ["sixteencharacter", "numerical result out of range"],
    ["../x", "invalid argument"],
    ["a b", "invalid argument"],
    ["eth%d", "invalid argument"],
  ] as const)
    await assert.rejects(open(option("ifname", name)), {
      kind: "internal",
      message: `failed to add interface to sandbox: error renaming interface to "${name}": ${reason}`,
    });
  await assert.rejects(open(option("ifname", "lan0"), option("ifname", "lan0")), /file exists/);
  const outside = readFileSync("/proc/sys/net/ipv4/conf/all/log_martians", "utf8");
  for (const setting of [
    "net.ipv4.conf.eth0.log_martians=1",
    "net.ipv4.conf.IFNAME.log_martians",
    "net.core.IFNAME.x=1",
    "net.ipv4.conf.IFNAME.../all/log_martians=1",
    "net.ipv4.conf.IFNAME.log_martians=1,",
    "kernel.panic=1",
  ])
    await assert.rejects(open(option("sysctls", setting)), {
      kind: "invalid",
      message: /^unrecognised network interface sysctl '.*'; represent 'net\.X\.Y\.ethN\.Z=V'/,
    });
  await assert.rejects(
    open(option("sysctls", "net.ipv4.conf.IFNAME.nosuch=1")),
    /sysctl nosuch of interface eth0/,
  );
  assert.equal(readFileSync("/proc/sys/net/ipv4/conf/all/log_martians", "utf8"), outside);
  // The kernel takes a namespace and its links down a moment later.
  while ((await networks.check(() => [])).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await started.stop();
});

test("containers of the default bridge have the gateway that the settings name", async () => {
  const bip = { 4: parseSubnet("10.90.0.1/24"), 6: parseSubnet("fd90::1/64") };
  const defaultGateway = { 4: ipAddress("10.90.0.2"), 6: ipAddress("fd90::9") };
  const started = await startNetworks({ bip, defaultGateway, hasIpv6: true });
  const request = newRequest();
  const sandbox = await started.networks.open(request);
  assert.equal(sandbox.endpoints.bridge?.Gateway, "10.90.0.2");
  assert.equal(sandbox.endpoints.bridge?.IPAddress, "10.90.0.3", "nobody else has the gateway's");
  const inside = (command: string) => run(`nsenter --net=${sandbox.netnsPath} ${command}`);
  assert.match(inside("ip route; ip -6 route"), /^default via 10\.90\.0\.2 dev eth0/);
  assert.match(inside("ip -6 route"), /default via fd90::9 dev eth0/);
  assert.match(run("ip addr show berth-test0"), /10\.90\.0\.1\/24/);
  sandbox.release();
  await started.networks.close(request.owner.id);
  const plain = await started.restart({ defaultGateway: { 4: undefined, 6: undefined } });
  assert.deepEqual(
    plain.getNetwork("bridge").ipam.map(({ auxiliary }) => auxiliary),
    [{}, {}],
  );
  await assert.rejects(started.restart({ defaultGateway: { 4: ipAddress("10.91.0.2"), 6: undefined } }), {
    kind: "invalid",
    message: "default gateway ip must be part of the network: 10.91.0.2 is not in 10.90.0.0/24",
  });
  const again = await startNetworks({ bip, hasIpv6: true });
  await again.stop();
});

test("a bridge that has all the interfaces that the kernel gives it is said to be full", async () => {
  const started = await startNetworks();
  const { networks } = started;
  await networks.createNetwork({
    Name: "wide",
    IPAM: { Config: [{ Subnet: "10.92.0.0/16" }] },
    Options: { "com.docker.network.bridge.name": "wide0" },
  });
  const lines = Array.from({ length: 1023 }, (_, n) => [
    `link add p${n} type ifb`,
    `link set p${n} master wide0`,
  ]);
  run(`ip -batch - <<'E'\n${lines.flat().join("\n")}\nE`);
  await assert.rejects(networks.open(newRequest({ mode: "wide" })), {
    message:
      /bridge wide0 has 1023 interfaces, and the kernel gives it no more: put further containers on another network$/,
  });
  run("ip link del p0");
  const request = newRequest({ mode: "wide" });
  const sandbox = await networks.open(request);
  sandbox.release();
  await networks.close(request.owner.id);
  await started.stop();
});

test("a port of a protocol that the kernel lacks is refused by name, and the start leaves nothing", async () => {
  const started = await startNetworks();
  const request = newRequest({ portBindings: { "36412/sctp": [{ HostIp: "", HostPort: "36412" }] } });
  const opening = started.networks.open(request).then(
    (sandbox) => {
      sandbox.release();
      return sandbox.ports["36412/sctp"]?.[0]?.HostPort;
    },
    (error: Error) => error.message,
  );
  const isThere = /sctp/i.test(readFileSync("/proc/net/protocols", "utf8"));
  if (isThere) assert.equal(await opening, "36412");
  else
    assert.match(
      String(await opening),
      /the kernel of this machine has no sctp: load its module sctp to publish such a port$/,
    );
  await started.networks.close(request.owner.id);
  assert.deepEqual(await started.networks.check(() => []), []);
  await started.stop();
});
