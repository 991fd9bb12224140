import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseCdiSpec } from "../../src/runtime/cdi/parse-spec.ts";
import type { FoundDevice } from "../../src/runtime/cdi/read-directories.ts";
import type { CdiRegistry } from "../../src/runtime/cdi/registry.ts";
import { resolveDeviceRequests } from "../../src/runtime/device-requests.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-gpus-"));
const path = process.env.PATH;
after(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

/** Devices of one document. */
function devicesOf(kind: string, edits: Record<string, string>, shared = "{}"): FoundDevice[] {
  const lines = Object.entries(edits).map(([name, text]) => `- {name: "${name}", containerEdits: ${text}}\n`);
  const spec = parseCdiSpec(
    `cdiVersion: 0.7.0\nkind: ${kind}\ncontainerEdits: ${shared}\ndevices:\n${lines.join("")}`,
  );
  return (spec.devices ?? []).map(({ name, containerEdits }) => ({
    name: `${kind}=${name}`,
    path: `/etc/cdi/${kind}`,
    annotations: {},
    edits: containerEdits,
    sharedEdits: spec.containerEdits,
  }));
}

const gpus = devicesOf("nvidia.com/gpu", { 0: "{env: [A=0]}", 1: "{env: [A=1]}", all: "{env: [A=all]}" });
const gadgets = devicesOf(
  "vendor.com/gadget",
  {
    one: "{env: [A=1], deviceNodes: [{path: /dev/one, hostPath: /dev/null}], mounts: [{hostPath: /a, containerPath: /m}]}",
    two: "{env: [A=2], mounts: [{hostPath: /b, containerPath: /m, options: [ro, rbind]}]}",
    none: "{deviceNodes: [{path: /dev/nowhere}]}",
    file: "{deviceNodes: [{path: /dev/x, hostPath: /etc/passwd}]}",
    block: "{deviceNodes: [{path: /dev/x, hostPath: /dev/null, type: b}]}",
    typed:
      "{deviceNodes: [{path: /dev/x, type: u, major: 7, minor: 8, permissions: r, fileMode: 0600, uid: 3}]}",
  },
  "{env: [SHARED=1], additionalGids: [0, 5], hooks: [{hookName: poststop, path: /bin/true, timeout: 3}]}",
);

const resolve = (devices: FoundDevice[], request: object) => {
  const registry: CdiRegistry = {
    directories: ["/etc/cdi"],
    list: async () => ({ devices, problems: [] }),
    close: async () => {},
  };
  const all = { Driver: "", Count: 0, DeviceIDs: null, Capabilities: null, Options: null, ...request };
  return resolveDeviceRequests(registry, [all]);
};
const cdi = (...names: string[]) =>
  resolve(gadgets, { Driver: "cdi", DeviceIDs: names.map((name) => `vendor.com/gadget=${name}`) });
const gpu = (request: object) => resolve(gpus, { Capabilities: [["gpu"]], ...request });
const envOf = async (edits: ReturnType<typeof resolve>) => (await edits).env;

describe("CDI devices", () => {
  it("add what they say, and what their document says once", async () => {
    const edits = await cdi("one", "two");
    assert.deepEqual(edits.env, ["SHARED=1", "A=1", "A=2"]);
    assert.deepEqual(edits.nodes, [
      { path: "/dev/one", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
    ]);
    assert.deepEqual(edits.rules, [{ allow: true, type: "c", major: 1, minor: 3, access: "rwm" }]);
    assert.deepEqual(edits.mounts, [
      { destination: "/m", source: "/b", type: "bind", options: ["ro", "rbind"] },
    ]);
    assert.deepEqual(
      [edits.additionalGids, edits.hooks],
      [[5], { poststop: [{ path: "/bin/true", timeout: 3 }] }],
    );
    const typed = await cdi("typed");
    assert.deepEqual(typed.nodes, [
      { path: "/dev/x", type: "c", major: 7, minor: 8, fileMode: 0o600, uid: 3, gid: 0 },
    ]);
    assert.equal(typed.rules[0]?.access, "r");
  });

  it("are refused in dockerd's words", async () => {
    const start = "CDI device injection failed: ";
    await assert.rejects(cdi("one", "x", "y"), {
      message: `${start}unresolvable CDI devices vendor.com/gadget=x, vendor.com/gadget=y`,
    });
    const stat = `${start}failed to inject devices: failed to stat CDI host device`;
    await assert.rejects(cdi("none"), { message: `${stat} "/dev/nowhere": no such file or directory` });
    await assert.rejects(cdi("file"), { message: `${stat} "/etc/passwd": not a device node` });
    await assert.rejects(cdi("block"), {
      message: `${start}failed to inject devices: CDI device ("/dev/x", "/dev/null"), host type mismatch (b, c)`,
    });
    await assert.rejects(resolve(gadgets, { Driver: "cdi", Count: 1 }), {
      kind: "invalid",
      message: "unexpected count in CDI device request",
    });
    await assert.rejects(resolve(gadgets, { Driver: "cdi", Options: { a: "b" } }), {
      kind: "invalid",
      message: "unexpected options in CDI device request",
    });
  });
});

describe("GPUs", () => {
  it("need a driver", async () => {
    for (const [request, words] of [
      [{ Count: -1 }, '"" with capabilities: [[gpu]]'],
      [{ Driver: "foo", Count: 1 }, '"foo" with capabilities: [[gpu]]'],
      [{ Capabilities: [["gpu", "compute"], ["x"]] }, '"" with capabilities: [[gpu compute] [x]]'],
      [{ Capabilities: null, Driver: "x" }, '"x" with capabilities: []'],
    ] as const)
      await assert.rejects(resolve([], { Capabilities: [["gpu"]], ...request }), {
        message: `could not select device driver ${words}`,
      });
    await assert.rejects(gpu({ Capabilities: [["tpu"]] }), /could not select/);
    await assert.rejects(gpu({ Driver: "amd" }), /could not select/);
  });

  it("are those of a CDI document, by number or all", async () => {
    assert.deepEqual(await envOf(gpu({ Count: -1 })), ["A=all"]);
    assert.deepEqual(await envOf(gpu({ Count: 2 })), ["A=0", "A=1"]);
    assert.deepEqual(await envOf(gpu({ Count: 0, DeviceIDs: ["1"], Driver: "nvidia" })), ["A=1"]);
    assert.deepEqual(await envOf(gpu({ DeviceIDs: ["nvidia.com/gpu=1"] })), ["A=1"]);
    const withoutAll = gpus.slice(0, 2);
    assert.deepEqual(await envOf(resolve(withoutAll, { Count: -1, Capabilities: [["gpu"]] })), [
      "A=0",
      "A=1",
    ]);
    await assert.rejects(gpu({ Count: 3 }), /unresolvable CDI devices nvidia\.com\/gpu=2/);
    await assert.rejects(gpu({ Count: 2 ** 40 }), /invalid device count/);
    await assert.rejects(gpu({ Count: 1, DeviceIDs: ["0"] }), {
      message: "cannot set both Count and DeviceIDs on device request",
    });
  });

  it("are the hook's, where NVIDIA's toolkit is installed", async () => {
    const hook = join(folder, "nvidia-container-runtime-hook");
    writeFileSync(hook, "");
    chmodSync(hook, 0o755);
    process.env.PATH = `relative:${folder}:${path}`;
    const edits = await gpu({ Count: 2, Capabilities: [["gpu", "utility", "compute"]] });
    assert.deepEqual(edits.env, ["NVIDIA_VISIBLE_DEVICES=0,1", "NVIDIA_DRIVER_CAPABILITIES=utility,compute"]);
    const [first] = edits.hooks.prestart ?? [];
    assert.deepEqual([first?.path, first?.args], [hook, ["nvidia-container-runtime-hook", "prestart"]]);
    assert.ok(first?.env?.includes(`PATH=${process.env.PATH}`));
    assert.deepEqual(await envOf(gpu({ Count: -1 })), ["NVIDIA_VISIBLE_DEVICES=all"]);
    assert.deepEqual(await envOf(gpu({ Count: 0 })), ["NVIDIA_VISIBLE_DEVICES=void"]);
    assert.deepEqual(await envOf(gpu({ DeviceIDs: ["GPU-1", "2"] })), ["NVIDIA_VISIBLE_DEVICES=GPU-1,2"]);
  });
});
