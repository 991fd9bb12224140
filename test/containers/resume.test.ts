import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import { createContainerIndexes } from "../../src/containers/container-index.ts";
import { type Containers, register, unregister } from "../../src/containers/containers.ts";
import { resumeContainers } from "../../src/containers/lifecycle/resume.ts";
import type { ContainerState } from "../../src/formats/docker-api/docker-api.ts";

const root = mkdtempSync(join(tmpdir(), "berth-resume-"));
after(() => rmSync(root, { recursive: true }));

/** @param onLook called right before the engine looks for what there is to do */
function makeRoom(onLook = () => {}) {
  const actions: string[] = [];
  const containers = {
    ...createContainerIndexes(),
    settings: { root, execRoot: root },
    ...{ byId: new Map(), byName: new Map(), unsent: new Map(), closing: false },
    records: { setAside: () => [] },
    volumes: { async unmountUnused() {}, removeUnclaimed: async () => onLook() },
    images: { owners: () => [] },
    metrics: { containerActions: { time: async (action: string) => void actions.push(action) } },
    logger: { warn() {} },
  } as unknown as Containers;
  const add = (id: string, Status: ContainerState["Status"], NetworkMode = "bridge") => {
    const container = new Container({
      ...{ id, name: `c${id}`, imageId: "i", mounts: [], links: [], config: {} },
      hostConfig: { NetworkMode, PidMode: "", IpcMode: "", RestartPolicy: { Name: "always" } },
      state: { ...initialState, Status },
    } as unknown as ContainerRecord);
    register(containers, container);
    return container;
  };
  return { containers, actions, add };
}

it("what is removed while it waits for its turn is not removed once more", async () => {
  const looked = Promise.withResolvers<void>();
  const { containers, actions, add } = makeRoom(() => setImmediate(looked.resolve));
  const container = add("aa", "dead");
  void container.enqueue(async () => {
    await looked.promise;
    unregister(containers, container);
  });
  await resumeContainers(containers);
  assert.deepEqual(actions, []);
});

it("an engine that ends meanwhile starts no more containers", async () => {
  const looked = Promise.withResolvers<void>();
  const { containers, actions, add } = makeRoom(() => setImmediate(looked.resolve));
  void add("aa", "exited").enqueue(async () => {
    await looked.promise;
    containers.closing = true;
  });
  add("bb", "exited");
  await resumeContainers(containers);
  assert.deepEqual(actions, ["start"]);
});

it("a container that joins one by an id that has become ambiguous keeps no engine from starting", async () => {
  const { containers, actions, add } = makeRoom();
  add("ab1", "created");
  add("ab2", "created");
  add("c", "exited", "container:ab");
  await resumeContainers(containers);
  assert.deepEqual(actions, ["start"]);
});
