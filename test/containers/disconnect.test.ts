import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { disconnectContainer } from "../../src/containers/connect.ts";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import type { Containers } from "../../src/containers/containers.ts";

it("a container that has left a network keeps no line of it in /etc/hosts, also where leaving failed at its end", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-disconnect-"));
  const hosts = join(root, "containers/c1/hosts");
  mkdirSync(join(hosts, ".."), { recursive: true });
  writeFileSync(hosts, "127.0.0.1\tlocalhost\n10.0.0.2\tweb\n");
  const endpoints: Record<string, unknown> = { lan: { NetworkID: "n1", IPAddress: "10.0.0.2" } };
  const stored: string[] = [];
  const containers = {
    settings: { root },
    records: { putSoon: (id: string) => stored.push(id) },
    networks: {
      findNetwork: () => ({ id: "n1", name: "lan", driver: "bridge" }),
      view: () => ({ endpoints }),
      async disconnect() {
        delete endpoints.lan;
        throw new Error("no route");
      },
    },
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
  await assert.rejects(disconnectContainer(containers, container, "lan"), /no route/);
  assert.deepEqual([container.record.endpointsConfig, stored], [{}, ["c1"]]);
  assert.equal(readFileSync(hosts, "utf8"), "127.0.0.1\tlocalhost\n");
  rmSync(root, { recursive: true });
});
