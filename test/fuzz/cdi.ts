import assert from "node:assert/strict";
import { stringify } from "yaml";
import { injectCdiDevices, noEdits } from "../../src/runtime/cdi/inject.ts";
import { parseCdiSpec } from "../../src/runtime/cdi/parse-spec.ts";
import { mutateJson, mutateText } from "./mutate.ts";
import type { Target } from "./target.ts";

const document = {
  cdiVersion: "1.0.0",
  kind: "vendor.com/class",
  annotations: { "vendor.com/a": "b" },
  devices: [
    {
      name: "0",
      containerEdits: {
        env: ["A=b", "C="],
        deviceNodes: [
          { path: "/dev/a", hostPath: "/dev/null", type: "c", major: 1, minor: 3, permissions: "rw" },
        ],
        mounts: [{ hostPath: "/a", containerPath: "/b", type: "none", options: ["ro", "bind"] }],
        hooks: [{ hookName: "createContainer", path: "/h", args: ["h"], env: ["A=b"], timeout: 1 }],
        additionalGids: [0, 5],
        intelRdt: { closID: "x", enableCMT: true },
      },
    },
    { name: "all", annotations: {}, containerEdits: { deviceNodes: [{ path: "/dev/b", type: "p" }] } },
  ],
  containerEdits: { env: ["ALL=1"] },
};

/** What vendors say of their devices. */
export const cdi: Target = {
  name: "cdi",
  smallCount: 4_000,
  mostMilliseconds: 200,
  open: () => ({
    attempt(random) {
      const text =
        random.next() < 0.5 ? mutateJson(random, document) : mutateText(random, stringify(document));
      const spec = parseCdiSpec(text);
      assert.deepEqual(parseCdiSpec(JSON.stringify(spec)), spec);
      const devices = (spec.devices ?? []).map(({ name, containerEdits }) => ({
        ...{ name, path: "", annotations: {}, edits: containerEdits, sharedEdits: spec.containerEdits },
      }));
      const edits = noEdits();
      injectCdiDevices(
        edits,
        { devices, problems: [] },
        devices.map(({ name }) => name),
      );
      for (const { destination } of edits.mounts) assert.match(destination, /^\//);
      for (const { path } of edits.nodes) assert.match(path, /^\//);
    },
  }),
};
