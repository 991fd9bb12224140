import { invalid } from "../../errors.ts";
import {
  type Decoded,
  flag,
  integer,
  list,
  mapOf,
  optional,
  type Shape,
  type StructShape,
  scalar,
  struct,
} from "../../formats/shape.ts";

/** Members that are not known are refused, since an edit that is left out may be the one that matters. */
function strict<S extends Pick<StructShape<Record<string, Shape<unknown>>>, "fields"> & Shape<unknown>>(
  shape: S,
): S {
  const known = new Set(Object.keys(shape.fields).map((name) => name.toLowerCase()));
  return {
    ...shape,
    read(value, path) {
      const unknown = Object.keys(value as object).find((name) => !known.has(name.toLowerCase()));
      if (unknown !== undefined && typeof value === "object" && !Array.isArray(value))
        throw invalid(`json: unknown field ${JSON.stringify(unknown)}`);
      return shape.read(value, path);
    },
  };
}

const deviceNode = strict(
  struct("specs.DeviceNode", {
    path: scalar,
    hostPath: scalar,
    type: scalar,
    major: integer("int64"),
    minor: integer("int64"),
    fileMode: optional(integer("uint32")),
    permissions: scalar,
    uid: optional(integer("uint32")),
    gid: optional(integer("uint32")),
  }),
);

const mount = strict(
  struct("specs.Mount", { hostPath: scalar, containerPath: scalar, options: list(scalar), type: scalar }),
);

const hook = strict(
  struct("specs.Hook", {
    hookName: scalar,
    path: scalar,
    args: list(scalar),
    env: list(scalar),
    timeout: optional(integer("int")),
  }),
);

const intelRdt = strict(
  struct("specs.IntelRdt", {
    closID: scalar,
    l3CacheSchema: scalar,
    memBwSchema: scalar,
    enableCMT: flag,
    enableMBM: flag,
  }),
);

const edits = strict(
  struct("specs.ContainerEdits", {
    env: list(scalar),
    deviceNodes: list(deviceNode),
    hooks: list(hook),
    mounts: list(mount),
    intelRdt: optional(intelRdt),
    additionalGids: list(integer("uint32")),
  }),
);

const device = strict(
  struct("specs.Device", { name: scalar, annotations: mapOf(scalar), containerEdits: edits }),
);

export const cdiSpecShape = strict(
  struct("specs.Spec", {
    cdiVersion: scalar,
    kind: scalar,
    annotations: mapOf(scalar),
    devices: list(device),
    containerEdits: edits,
  }),
);

/** A document of the Container Device Interface (cncf-tags/container-device-interface, SPEC.md, up to 1.0.0). */
export type CdiSpec = Decoded<typeof cdiSpecShape>;
export type CdiDevice = Decoded<typeof device>;
export type ContainerEdits = Decoded<typeof edits>;
export type CdiDeviceNode = Decoded<typeof deviceNode>;
export type CdiMount = Decoded<typeof mount>;
export type CdiHook = Decoded<typeof hook>;
