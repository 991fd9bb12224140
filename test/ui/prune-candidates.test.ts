import assert from "node:assert/strict";
import { test } from "node:test";
import { findCandidates, type Holdings } from "../../ui/views/overview/prune-candidates.ts";

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
