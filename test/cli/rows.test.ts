import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePairs, toPairs } from "../../src/cli/container/env-file.ts";
import { formatPorts } from "../../src/cli/container/row.ts";
import { cpuPercent, memoryInUse } from "../../src/cli/container/stats-row.ts";
import { toFilters } from "../../src/cli/filter.ts";
import { imageLines } from "../../src/cli/image/row.ts";
import { buildIpam } from "../../src/cli/network/ipam-config.ts";
import type { ImageSummary } from "../../src/formats/docker-api/docker-api.ts";
import type { StatsResponse } from "../../src/formats/docker-api/docker-api-system.ts";

test("ports that follow each other are joined, per address and protocol", () => {
  const port = (PrivatePort: number, rest: object = {}) => ({ PrivatePort, Type: "tcp", ...rest });
  const here = { IP: "0.0.0.0" };
  assert.equal(
    formatPorts([port(81, { ...here, PublicPort: 81 }), port(80, { ...here, PublicPort: 80 })]),
    "0.0.0.0:80-81->80-81/tcp",
  );
  assert.equal(
    formatPorts([port(80), port(81), port(83), port(80, { Type: "udp" })]),
    "80-81/tcp, 83/tcp, 80/udp",
  );
  assert.equal(formatPorts([port(80, { IP: "::", PublicPort: 8080 })]), "[::]:8080->80/tcp");
  assert.equal(formatPorts([]), "");
});

test("the share of the CPU is of one, and nothing when no time has passed", () => {
  const cpu = (total_usage: number) => ({
    cpu_usage: { total_usage, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  });
  const stats = (used: number, passed: number): StatsResponse => ({
    read: "",
    preread: "",
    cpu_stats: { ...cpu(100 + used), system_cpu_usage: 1000 + passed, online_cpus: 2 },
    precpu_stats: { ...cpu(100), system_cpu_usage: 1000 },
    ...{ num_procs: 0, storage_stats: {} },
    memory_stats: { usage: 1000, stats: { inactive_file: 400 } },
    blkio_stats: {},
    pids_stats: {},
  });
  assert.equal(cpuPercent(stats(50, 100)), 100);
  assert.equal(cpuPercent(stats(0, 100)), 0);
  assert.equal(cpuPercent(stats(50, 0)), 0);
  assert.equal(memoryInUse(stats(0, 0)), 600);
});

test("an environment file is taken as it stands, quotes and all", () => {
  const text = '\uFEFFA=1\r\n# comment\n\n  B="x y"\nHOME\nMISSING\nC=#no comment\n';
  assert.deepEqual(parsePairs(text, "f", { HOME: "/h" }), ["A=1", 'B="x y"', "HOME=/h", "C=#no comment"]);
  assert.throws(() => parsePairs("=x", "f", {}), {
    message: "invalid env file (f): no variable name on line '=x'",
  });
  assert.throws(() => parsePairs("A B=x", "f", {}), {
    message: "invalid env file (f): variable 'A B' contains whitespaces",
  });
  assert.deepEqual(toPairs(["a=b=c", "d"]), { a: "b=c", d: "" });
});

test("filters of the same name are collected", () => {
  assert.deepEqual(toFilters(["label=a=b", "Label=c", "name=x"]), { label: ["a=b", "c"], name: ["x"] });
});

test("an image has a line per tag, and one of <none> when it has neither tag nor digest", () => {
  const image = (RepoTags: string[], RepoDigests: string[] = []): ImageSummary => ({
    Id: "sha256:1",
    ParentId: "",
    RepoTags,
    RepoDigests,
    Created: 0,
    Size: 0,
    SharedSize: -1,
    Labels: null,
    Containers: -1,
  });
  const lines = (images: ImageSummary[], hasDigests = false) =>
    imageLines(images, { hasDigests }).map(({ repository, tag, digest }) => `${repository} ${tag} ${digest}`);
  assert.deepEqual(lines([image(["host:5000/a:1", "b:2"])]), ["host:5000/a 1 <none>", "b 2 <none>"]);
  assert.deepEqual(lines([image([])]), ["<none> <none> <none>"]);
  assert.deepEqual(lines([image(["a:1"], ["a@sha256:9"])], true), ["a 1 sha256:9"]);
  assert.deepEqual(lines([image([], ["a@sha256:9"])]), ["a <none> sha256:9"]);
});

test("ranges and gateways go to the subnet they lie in", () => {
  const input = {
    subnets: ["10.1.0.0/16", "fd00::/64"],
    ranges: ["10.1.2.0/24"],
    gateways: ["fd00::1", "10.1.0.1"],
    auxiliary: { host: "10.1.0.9" },
  };
  assert.deepEqual(buildIpam(input), [
    {
      Subnet: "10.1.0.0/16",
      IPRange: "10.1.2.0/24",
      Gateway: "10.1.0.1",
      AuxiliaryAddresses: { host: "10.1.0.9" },
    },
    { Subnet: "fd00::/64", Gateway: "fd00::1" },
  ]);
  const none = { ranges: [], gateways: [], auxiliary: {} };
  assert.throws(() => buildIpam({ ...none, subnets: ["10.1.0.0/16", "10.1.2.0/24"] }), /overlapping/);
  assert.throws(() => buildIpam({ ...none, subnets: ["10.1.0.0/16"], gateways: ["10.2.0.1"] }), {
    message: "no matching subnet for gateway 10.2.0.1",
  });
  assert.throws(() => buildIpam({ ...none, subnets: [], gateways: ["10.2.0.1"] }), /corresponding subnet/);
});
