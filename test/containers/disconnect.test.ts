import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { disconnectContainer, settleNetworks } from "../../src/containers/connect.ts";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import type { Containers } from "../../src/containers/containers.ts";

/** A container that runs and calls itself "web", whose record says that it is on a network "lan". */
function start(t: TestContext, hostsBefore: string, networks: object) {
  const root = mkdtempSync(join(tmpdir(), "berth-disconnect-"));
  t.after(() => rmSync(root, { recursive: true }));
  const hosts = join(root, "containers/c1/hosts");
  mkdirSync(join(hosts, ".."), { recursive: true });
  writeFileSync(hosts, hostsBefore);
  const stored: string[] = [];
  const lan = { id: "n1", name: "lan", driver: "bridge", ipam: [{ subnet: "10.0.0.0/24" }] };
  const containers = {
    ...{ settings: { root }, records: { putSoon: (id: string) => stored.push(id) } },
    networks: { findNetwork: () => lan, ...networks },
  } as unknown as Containers;
  const container = new Container({
    ...{
      id: "c1",
      name: "web",
      config: { Hostname: "web", Domainname: "" },
      state: { ...initialState, Pid: 1 },
    },
    ...{ hostConfig: {}, endpointsConfig: { lan: { NetworkID: "n1" } } },
  } as unknown as ContainerRecord);
  return { containers, container, stored, hostsNow: () => readFileSync(hosts, "utf8") };
}

it("a container that has left a network keeps no line of it in /etc/hosts, also where leaving failed at its end", async (t) => {
  const endpoints: Record<string, unknown> = { lan: { NetworkID: "n1", IPAddress: "10.0.0.2" } };
  const { containers, container, stored, hostsNow } = start(t, "127.0.0.1\tlocalhost\n10.0.0.2\tweb\n", {
    view: () => ({ endpoints }),
    async disconnect() {
      delete endpoints.lan;
      throw new Error("no route");
    },
  });
  await assert.rejects(disconnectContainer(containers, container, "lan"), /no route/);
  assert.deepEqual([container.record.endpointsConfig, stored], [{}, ["c1"]]);
  assert.equal(hostsNow(), "127.0.0.1\tlocalhost\n");
});

const onOther = { view: () => ({ endpoints: { other: { NetworkID: "n2", IPAddress: "10.1.0.2" } } }) };
/** The second and the last line are the container's own doing. */
const hostsOfBoth = "10.1.0.2\tweb\n10.9.0.2\tweb\n10.0.0.2\tweb\n10.0.0.3\tdb\n";
const hostsOfOther = "10.1.0.2\tweb\n10.9.0.2\tweb\n10.0.0.3\tdb\n";

it("so does one that is taken from a network again, after a daemon that was killed before it noted the first time", async (t) => {
  const { containers, container, stored, hostsNow } = start(t, hostsOfBoth, onOther);
  await disconnectContainer(containers, container, "lan");
  assert.deepEqual([container.record.endpointsConfig, stored], [{}, ["c1"]]);
  assert.equal(hostsNow(), hostsOfOther);
});

it("so does one whose leaving is carried through by the next daemon", async (t) => {
  const { containers, container, stored, hostsNow } = start(t, hostsOfBoth, {
    ...{ ...onOther, settle: async () => [{ network: { id: "n1" }, addresses: ["10.0.0.2"] }] },
  });
  await settleNetworks(containers, container);
  assert.deepEqual(
    [container.record.endpointsConfig, stored],
    [{}, ["c1"]],
    "nor does it join it at its next start",
  );
  assert.equal(hostsNow(), hostsOfOther);
});
