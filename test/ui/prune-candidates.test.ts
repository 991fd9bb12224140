import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Candidates,
  findCandidates,
  type Holdings,
  hasGrown,
} from "../../ui/views/overview/prune-candidates.ts";

const container = (Id: string, State: string, network: string) => ({
  ...{ Id, State, Names: [`/${Id}`], ImageID: "", Mounts: [] },
  NetworkSettings: { Networks: { [network]: {} } },
});

test("what the clean-up shows is what the engine removes", () => {
  const holdings = {
    df: {
      Containers: [container("up", "running", "web"), container("down", "exited", "left")],
      Images: [],
      BuildCache: [],
      Volumes: [
        { Name: "plain", Options: null },
        { Name: "remote", Options: { type: "nfs" } },
      ],
    },
    networks: [
      { Id: "1", Name: "bridge", ConfigOnly: false },
      { Id: "2", Name: "web", ConfigOnly: false },
      { Id: "3", Name: "left", ConfigOnly: false },
      { Id: "4", Name: "template", ConfigOnly: true },
    ],
  } as unknown as Holdings;
  const { networks, volumes } = findCandidates(holdings, new Set(["networks"]));
  assert.deepEqual(
    networks.map(({ name }) => name),
    ["left"],
    "one that only a stopped container has goes as well",
  );
  assert.deepEqual(
    volumes.map(({ name }) => name),
    ["plain"],
  );
});

test("what was not shown is noticed, among what was chosen", () => {
  const none: Candidates = { containers: [], dangling: [], images: [], networks: [], volumes: [], cache: [] };
  const volume = (id: string) => ({ id, name: id, sizeBytes: 0 });
  const shown = { ...none, volumes: [volume("a"), volume("b")] };
  const chosen = new Set(["volumes"] as const);
  assert.equal(hasGrown(shown, shown, chosen), false);
  assert.equal(hasGrown(shown, { ...none, volumes: [volume("b")] }, chosen), false, "one is used by now");
  assert.equal(hasGrown(shown, { ...none, volumes: [volume("b"), volume("c")] }, chosen), true);
  assert.equal(hasGrown(shown, { ...shown, containers: [volume("x")] }, chosen), false);
});
