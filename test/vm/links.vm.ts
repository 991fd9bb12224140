import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { addNeighbour, type Neighbour, sh } from "./neighbour.ts";

const words = (text: string) => text.split(" ");
const serve = ["sh", "-c", "hostname >index.html; exec httpd -f"];

describe("networks on links of the machine", () => {
  let neighbour: Neighbour;
  before(() => {
    neighbour = addNeighbour({ own: "10.70.0.1/24", neighbour: "10.70.0.250/24" });
  });
  after(() => neighbour.remove());
  const { berth } = useEngine();
  const create = (name: string, options: string) =>
    berth(...words(`network create ${options} -o parent=${neighbour.link} ${name}`));
  const start = (name: string, flags: string, ...command: string[]) =>
    berth(...words(`run -d --name ${name} -h ${name} ${flags} busybox`), ...command);
  const fetch = (from: string, url: string) => berth("exec", from, "timeout", "20", "wget", "-qO-", url);
  const curl = (url: string) => neighbour.sh(`curl -sS --max-time 20 http://${url}/`);

  it("of ipvlan in layer 2 are reached by neighbours with the parent's own MAC address", async () => {
    await create("flat", "-d ipvlan --subnet 10.70.0.0/24 --gateway 10.70.0.250 --ip-range 10.70.0.16/28");
    await start("web", "--network flat --ip 10.70.0.20", ...serve);
    await start("client", "--network flat", "sleep", "1000");
    assert.equal(await fetch("client", "http://web/"), "web");
    assert.equal(curl("10.70.0.20"), "web");
    const mac = sh(`cat /sys/class/net/${neighbour.link}/address`);
    assert.equal(await berth("exec", "web", "cat", "/sys/class/net/eth0/address"), mac);
    assert.match(neighbour.sh("ip neigh show 10.70.0.20"), new RegExp(mac));
    assert.match(await berth("exec", "web", "ip", "route"), /^default via 10\.70\.0\.250 dev eth0/);
    await berth("rm", "-f", "web", "client");
    await berth("network", "rm", "flat");
  });

  it("of ipvlan in layer 3 have no gateway, and are reached by a route to this machine", async () => {
    await create("routed", "-d ipvlan -o ipvlan_mode=l3 --subnet 10.71.0.0/24");
    await start("web", "--network routed --ip 10.71.0.20", ...serve);
    await start("client", "--network routed", "sleep", "1000");
    assert.equal(await fetch("client", "http://web/"), "web");
    assert.match(await berth("exec", "web", "ip", "route"), /^default dev eth0/);
    neighbour.sh("ip route add 10.71.0.0/24 via 10.70.0.1");
    assert.equal(curl("10.71.0.20"), "web");
    await berth("rm", "-f", "web", "client");
    await berth("network", "rm", "routed");
  });

  it("of macvlan without a parent keep containers among themselves", async () => {
    await berth("network", "create", "-d", "macvlan", "alone");
    await start("web", "--network alone", ...serve);
    await start("client", "--network alone", "sleep", "1000");
    assert.equal(await fetch("client", "http://web/"), "web");
    assert.doesNotMatch(await berth("exec", "client", "ip", "route"), /default/);
    await berth("rm", "-f", "web", "client");
    await berth("network", "rm", "alone");
  });

  it("make the VLAN that is their parent, and take it away with the last of them", async () => {
    const vlan = `${neighbour.link}.50`;
    const isThere = () => sh("ls /sys/class/net").split("\n").includes(vlan);
    neighbour.sh("ip link add lan0.50 link lan0 type vlan id 50; ip link set lan0.50 up");
    neighbour.sh("ip addr add 10.72.0.250/24 dev lan0.50; ip addr add 10.73.0.250/24 dev lan0.50");
    const on = (name: string, subnet: string) =>
      berth(...words(`network create -d macvlan -o parent=${vlan} --subnet ${subnet} ${name}`));
    await on("tagged", "10.72.0.0/24");
    await on("second", "10.73.0.0/24");
    assert.match(sh(`ip -d link show ${vlan}`), /vlan protocol 802\.1Q id 50/);
    await start("web", "--network tagged --ip 10.72.0.20", ...serve);
    await start("other", "--network second --ip 10.73.0.20", ...serve);
    assert.equal(curl("10.72.0.20"), "web");
    assert.equal(curl("10.73.0.20"), "other");
    await berth("rm", "-f", "web", "other");
    await berth("network", "rm", "tagged");
    assert.ok(isThere());
    await berth("network", "rm", "second");
    assert.ok(!isThere());
    sh(`ip link add ${vlan} link ${neighbour.link} type vlan id 50; ip link set ${vlan} up`);
    await on("tagged", "10.72.0.0/24");
    await berth("network", "rm", "tagged");
    assert.ok(isThere(), "what the administrator has made stays");
    sh(`ip link del ${vlan}`);
  });
});
