import { hostConfigShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { decode } from "../../src/formats/shape.ts";
import type { LaunchInput } from "../../src/launch/input.ts";
import { noEdits } from "../../src/runtime/cdi/inject.ts";
import { placeCgroup } from "../../src/runtime/cgroup-place.ts";
import { securityOf } from "../../src/runtime/security.ts";

/** The least that a process is launched from, as anybody would write it down: no container, no image, no network. */
export function plainInput(
  id: string,
  execRoot: string,
  root: Pick<LaunchInput["root"], "lower" | "upper" | "work">,
): LaunchInput {
  const nothing = decode(hostConfigShape, {});
  return {
    id,
    runtime: { program: "crun", root: `${execRoot}/runtime/crun` },
    root: { ...root, readOnly: false },
    process: {
      args: ["true"],
      env: [],
      user: "",
      groups: [],
      workingDir: "",
      terminal: false,
      consoleSize: [0, 0],
      openStdin: false,
      init: false,
      oomScoreAdj: 0,
    },
    hostname: "plain",
    domainname: "",
    mounts: [],
    etcFiles: undefined,
    namespaces: { network: "new", pid: "new", ipc: "new", uts: "new", cgroup: "host" },
    shmSizeBytes: undefined,
    cgroup: placeCgroup("cgroupfs", "/", id),
    limits: nothing,
    security: securityOf(nothing),
    annotations: {},
    sysctls: {},
    devices: noEdits(),
    log: { driver: "none" },
  };
}
