import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { hostConfigShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { cgroupLayout } from "../../src/sys/cgroup.ts";
import { useEngine } from "../engine.ts";

/** A request that names every member once, and what a dockerd answered to inspect. */
const { request, answer } = JSON.parse(readFileSync(new URL("every-field.json", import.meta.url), "utf8"));

/** What not every machine can do: its null device has no blocks, and its root may be shared with no other namespace. */
const unfit = {
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  Binds: [],
  Mounts: [],
  PidMode: "",
  CapAdd: [],
  CgroupParent: "",
};

/** What a machine with cgroup v2 has no use for; either engine drops it there. */
const ofOldCgroups = ["MemorySwappiness", "OomKillDisable"];

describe("a request with every member", () => {
  const { engine, berth } = useEngine();

  it("names all that are read", () => {
    assert.deepEqual(
      Object.keys(configShape.fields).filter((name) => !(name in request)),
      [],
    );
    const absent = Object.keys(hostConfigShape.fields).filter((name) => !(name in request.HostConfig));
    assert.deepEqual(absent, []);
  });

  it("is shown as dockerd shows it", async () => {
    await berth("volume", "create", "pv");
    await berth("create", "--name", "other", "busybox");
    const made = await engine.api("POST", "/containers/create?name=full", request);
    assert.equal(made.status, 201, made.body);
    const shown = JSON.parse((await engine.api("GET", "/containers/full/json")).body);
    for (const member of Object.keys(answer))
      assert.deepEqual(comparable(member, shown[member]), comparable(member, answer[member]), member);
    await berth("rm", "-v", "full", "other");
    await berth("volume", "rm", "pv");
  });

  it("loses none of it over a restart, and starts", async () => {
    await berth("create", "--name", "other", "busybox");
    const HostConfig = { ...request.HostConfig, ...unfit };
    const body = { ...request, HostConfig, Entrypoint: ["sleep"], Cmd: ["1000"], Domainname: "" };
    const made = await engine.api("POST", "/containers/create?name=full", body);
    assert.equal(made.status, 201, made.body);
    const get = async () => JSON.parse((await engine.api("GET", "/containers/full/json")).body);
    const before = await get();
    await engine.restart("SIGKILL");
    assert.deepEqual(await get(), before);
    const started = await engine.api("POST", "/containers/full/start");
    assert.equal(started.status, 204, started.body);
    assert.equal(await berth("exec", "full", "cat", "/sys/class/net/eth0/address"), request.MacAddress);
    await berth("rm", "-f", "-v", "full", "other");
  });
});

/** Without what each engine makes up itself. */
function comparable(member: string, value: object): unknown {
  if (member === "HostConfig" && cgroupLayout() === "v2")
    return Object.fromEntries(Object.entries(value).filter(([name]) => !ofOldCgroups.includes(name)));
  if (member === "Mounts")
    return (value as Record<string, string>[])
      .map(
        ({ Source, Name: _, ...mount }): Record<string, unknown> =>
          mount.Type === "volume" ? mount : { Source, ...mount },
      )
      .sort((a, b) => String(a.Destination).localeCompare(String(b.Destination)));
  if (member !== "NetworkSettings") return value;
  const { Networks, ...settings } = value as { Networks: Record<string, Record<string, unknown>> };
  const networks = Object.entries(Networks).map(([name, { NetworkID: _, ...endpoint }]) => [name, endpoint]);
  return { ...settings, Networks: Object.fromEntries(networks) };
}
