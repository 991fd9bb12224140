import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import { createContainerIndexes } from "../../src/containers/container-index.ts";
import { type Containers, register, unregister } from "../../src/containers/containers.ts";
import { createExec } from "../../src/containers/exec/exec.ts";
import { changePorts } from "../../src/containers/lifecycle/ports.ts";
import { startContainer } from "../../src/containers/lifecycle/start.ts";
import { updateContainer } from "../../src/containers/lifecycle/update.ts";
import { unlink } from "../../src/containers/links.ts";
import { hostConfigShape, updateShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { decode } from "../../src/formats/shape.ts";

const make = (id: string, name: string) =>
  new Container({
    ...{ id, name, imageId: "i", mounts: [], links: [], config: {}, state: { ...initialState } },
    hostConfig: decode(hostConfigShape, {}),
  } as unknown as ContainerRecord);

function makeRoom() {
  const stored: string[] = [];
  const containers = {
    ...createContainerIndexes(),
    byId: new Map(),
    byName: new Map(),
    records: { put: (id: string) => stored.push(id), putSoon: (id: string) => stored.push(id) },
    networks: { view: () => undefined, unlink: async () => {} },
    events: { publish() {} },
  } as unknown as Containers;
  return { containers, stored };
}

it("a container whose turn to start comes when the engine ends is not started", async () => {
  const { containers } = makeRoom();
  const container = make("c1", "web");
  const before = container.enqueue(async () => {
    containers.closing = true;
  });
  await assert.rejects(startContainer(containers, container), { kind: "unavailable" });
  await before;
});

it("no exec is made in a container that ends while its user is looked up, and none is kept", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-late-"));
  after(() => rmSync(root, { recursive: true }));
  for (const path of ["containers/c1/upper", "init"]) mkdirSync(join(root, path), { recursive: true });
  const execs = new Map();
  const containers = {
    ...makeRoom().containers,
    ...{ execs, settings: { root }, images: { heldDirectories: () => [] } },
  } as unknown as Containers;
  const container = make("c1", "web");
  register(containers, container);
  container.enter("started");
  const created = createExec(containers, "web", { Cmd: ["true"], User: "0" });
  container.enter("ended");
  await assert.rejects(created, { kind: "conflict", message: "container c1 is not running" });
  assert.equal(execs.size, 0);
});

describe("a container that is removed", () => {
  it("is not stored again by an update that was behind the removal", async () => {
    for (const isOver of [true, false]) {
      const { containers, stored } = makeRoom();
      const container = make("c1", "web");
      register(containers, container);
      const removal = container.enqueue(() => (isOver ? unregister(containers, container) : undefined));
      if (!isOver) container.intend("removal");
      await assert.rejects(updateContainer(containers, container, decode(updateShape, { Memory: 1 << 26 })), {
        kind: "conflict",
        message: 'Cannot update container c1: container is marked for removal and cannot be "update"',
      });
      await removal;
      assert.deepEqual(stored, []);
    }
  });

  it("is not stored again by a change of its ports or links that was behind the removal", async () => {
    for (const isOver of [true, false]) {
      const { containers, stored } = makeRoom();
      const [container, target] = [make("c1", "web"), make("c2", "db")];
      container.record.links = [{ id: "c2", alias: "db" }];
      for (const one of [container, target]) register(containers, one);
      const removal = container.enqueue(() => (isOver ? unregister(containers, container) : undefined));
      if (!isOver) container.intend("removal");
      const change = changePorts(containers, container, { Publish: {}, Unpublish: [] });
      const unlinked = unlink(containers, "web", "db");
      await assert.rejects(change, {
        kind: "conflict",
        message: "Cannot change the ports of container c1: container is marked for removal",
      });
      await assert.rejects(unlinked, { kind: "notFound", message: "No such container: /web/db" });
      await removal;
      assert.deepEqual(stored, []);
      assert.deepEqual([...containers.byLink.of("c2")], isOver ? [] : [container]);
    }
  });

  it("leaves its name to the one that has it by now", () => {
    const { containers } = makeRoom();
    const [before, after] = [make("c1", "web"), make("c2", "web")];
    register(containers, before);
    register(containers, after);
    unregister(containers, before);
    assert.equal(containers.byName.get("web"), after);
    unregister(containers, after);
    assert.equal(containers.byName.size, 0);
  });
});
