import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { hostConfigShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { decode } from "../../src/formats/shape.ts";
import { noEdits } from "../../src/runtime/cdi/inject.ts";
import { maskedPaths, readonlyPaths } from "../../src/runtime/defaults.ts";
import { securityOf } from "../../src/runtime/security.ts";
import { buildSpec } from "../../src/runtime/spec.ts";

const folder = join(import.meta.dirname, "specs");

interface Case {
  config?: object;
  hostConfig?: object;
  user?: { uid: number; gid: number; additionalGids: number[]; home: string };
  namespaces?: Partial<Parameters<typeof buildSpec>[0]["namespaces"]>;
  mounts?: Parameters<typeof buildSpec>[0]["mounts"];
  devices?: Parameters<typeof buildSpec>[0]["devices"];
  userNamespace?: Parameters<typeof buildSpec>[0]["userNamespace"];
}

const root = { uid: 0, gid: 0, additionalGids: [0], home: "/root" };

/** What is asked for, and in specs/NAME.json what the OCI runtime is given. */
const cases: Record<string, Case> = {
  plain: {},
  user: {
    config: { Env: ["A=b", "HOME=", "PATH"], WorkingDir: "/work", Tty: true },
    hostConfig: { ConsoleSize: [24, 80], OomScoreAdj: 100, ReadonlyRootfs: true },
    user: { uid: 1000, gid: 100, additionalGids: [100, 27], home: "/home/me" },
  },
  limits: {
    hostConfig: {
      ...{
        Memory: 67_108_864,
        MemorySwap: 134_217_728,
        MemoryReservation: 33_554_432,
        NanoCpus: 500_000_000,
      },
      ...{ CpuShares: 512, CpusetCpus: "0", PidsLimit: 100 },
      Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
      DeviceCgroupRules: ["c 42:* rmw"],
    },
  },
  unlimited: { hostConfig: { CpuQuota: -1, PidsLimit: -1, MemorySwap: -1 } },
  capabilities: {
    hostConfig: { CapAdd: ["NET_ADMIN"], CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"] },
  },
  "system paths": { hostConfig: { SecurityOpt: ["systempaths=unconfined"] } },
  "host namespaces": {
    namespaces: { network: "host", pid: "host", ipc: "host", uts: "host", cgroup: "host" },
  },
  "joined namespaces": { namespaces: { network: "/proc/7/ns/net", uts: "/proc/7/ns/uts" } },
  // Its path shows runc no process: see spec.ts.
  remapped: {
    namespaces: { network: "/proc/7/fd/8" },
    userNamespace: {
      path: "/proc/7/fd/9",
      mapping: {
        uids: [{ inside: 0, outside: 100_000, size: 65_536 }],
        gids: [{ inside: 0, outside: 200_000, size: 65_536 }],
      },
    },
  },
  "devices of vendors": {
    config: { Env: ["A=own"] },
    hostConfig: { Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r" }] },
    devices: {
      env: ["A=vendor"],
      nodes: [{ path: "/dev/x", type: "c", major: 1, minor: 5, fileMode: 0o600, uid: 1, gid: 2 }],
      rules: [{ allow: true, type: "c", major: 1, minor: 5, access: "rw" }],
      mounts: [],
      hooks: { createRuntime: [{ path: "/bin/hook", args: ["hook", "1"], timeout: 5 }] },
      additionalGids: [0, 44],
      intelRdt: { closID: "group" },
    },
  },
  mounts: {
    mounts: [
      { destination: "/dev/shm", type: "bind", source: "/shm", options: ["rbind", "rslave"] },
      { destination: "/proc", type: "bind", source: "/p", options: ["rbind"] },
    ],
    hostConfig: { Init: true, Annotations: { key: "value" }, Sysctls: { "net.ipv4.ip_forward": "1" } },
  },
};

function build({ config, hostConfig, user, namespaces, mounts, devices, userNamespace }: Case) {
  const host = decode(hostConfigShape, {
    MaskedPaths: maskedPaths,
    ReadonlyPaths: readonlyPaths,
    ...hostConfig,
  });
  const { Tty, Env, WorkingDir, Domainname } = decode(configShape, config ?? {});
  return buildSpec({
    process: {
      terminal: Tty,
      consoleSize: host.ConsoleSize,
      args: ["program", "argument"],
      env: Env ?? [],
      workingDir: WorkingDir,
      oomScoreAdj: host.OomScoreAdj,
      init: host.Init ?? false,
    },
    hostname: "name",
    domainname: Domainname,
    root: { path: "/rootfs", readonly: host.ReadonlyRootfs },
    cgroupsPath: "/berth/id",
    user: user ?? root,
    mounts: mounts ?? [],
    namespaces: { network: "new", pid: "new", ipc: "new", uts: "new", cgroup: "new", ...namespaces },
    limits: host,
    security: { ...securityOf(host), apparmorProfile: "profile" },
    seccomp: (capabilities) => ({ seenCapabilities: capabilities.length > 0 }),
    annotations: host.Annotations ?? {},
    sysctls: host.Sysctls ?? {},
    devices: devices ?? noEdits(),
    userNamespace,
  });
}

describe("the OCI specification of a container", () => {
  for (const [name, input] of Object.entries(cases)) {
    it(`is the one that is kept: ${name}`, () => {
      const file = join(folder, `${name.replaceAll(" ", "-")}.json`);
      const text = `${JSON.stringify(build(input), undefined, 2)}\n`;
      if (process.env.KEEP_SPECS === "1") writeFileSync(file, text);
      assert.ok(existsSync(file), "KEEP_SPECS=1 writes it; then read the difference");
      assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(file, "utf8")));
    });
  }

  it("is the same for the same input, and leaves the input alone", () => {
    const input = cases.limits!;
    const before = structuredClone(input);
    assert.deepEqual(build(input), build(input));
    assert.deepEqual(input, before);
  });

  it("gives all devices and no masks to a privileged container, and no more capabilities than this process may give", () => {
    const { linux, process: own, mounts } = build({ hostConfig: { Privileged: true } });
    assert.deepEqual(linux.resources.devices, [{ allow: true, access: "rwm" }]);
    assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [[], []]);
    assert.ok(mounts.every(({ destination, options }) => destination === "/proc" || !options.includes("ro")));
    assert.ok(own.capabilities.bounding.length > 14);
  });
});
