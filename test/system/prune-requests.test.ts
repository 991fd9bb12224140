import assert from "node:assert/strict";
import { it } from "node:test";
import * as buildCacheApi from "../../src/api/build-cache.ts";
import * as containersApi from "../../src/api/containers.ts";
import * as imagesApi from "../../src/api/images.ts";
import * as networksApi from "../../src/api/networks.ts";
import type { ApiRequest } from "../../src/api/request.ts";
import * as volumesApi from "../../src/api/volumes.ts";
import type { Container } from "../../src/containers/container.ts";

const running = { message: "a prune operation is already running", kind: "conflict" };

/** An engine whose removals wait until they are let go, and a client that may leave. */
function arrange() {
  const begun = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  const removed: string[] = [];
  const announced: string[] = [];
  const client = new AbortController();
  const remove = async (name: string) => {
    begun.resolve();
    await proceed.promise;
    removed.push(name);
  };
  const named = ["one", "two"].map((name) => ({ id: name, name, labels: {}, created: "", options: {} }));
  const images = {
    async prune() {
      await remove("image");
      return { deleted: [], spaceReclaimedBytes: 0 };
    },
  };
  const networks = { list: () => named, hasEndpoints: () => false, removeNetwork: remove };
  const volumes = {
    ...{ list: () => named, isHeld: () => false, findVolume: () => ({}), remove },
    directoryOf: () => "/nonexistent",
  };
  const ofNone = { of: () => new Set(), has: () => false, keys: () => [] };
  const containers = {
    ...{ byId: new Map(), byImage: ofNone, byVolume: ofNone, networks, volumes, images },
    logger: { warn() {} },
  };
  const events = { publish: (type: string) => void announced.push(type) };
  const engine = { containers, networks, volumes, images, events, builder: { prune: async () => [] } };
  const request = (filters: Record<string, string[]> = {}) =>
    ({
      ...{ engine, signal: client.signal, version: 41 },
      ...{ filters: () => new Map(Object.entries(filters)), number: () => 0, flag: () => false },
    }) as unknown as ApiRequest;
  return { begun: begun.promise, proceed, removed, announced, client, request };
}

it("is refused while another one goes through the same objects, containers and networks taken as one", async () => {
  for (const [first, second] of [
    [networksApi, networksApi],
    [networksApi, containersApi],
    [imagesApi, imagesApi],
  ] as const) {
    const { begun, proceed, request } = arrange();
    const pruning = first.prune(request());
    await begun;
    await assert.rejects(second.prune(request()), running);
    proceed.resolve();
    await pruning;
    await second.prune(request());
  }
});

it("does not wait for one of other objects", async () => {
  const { begun, proceed, request } = arrange();
  const pruning = networksApi.prune(request());
  await begun;
  await volumesApi.prune(request({ label: ["none"] }));
  await buildCacheApi.prune(request());
  proceed.resolve();
  await pruning;
});

it("is refused that says more than once until when", async () => {
  const until = { until: ["24h", "1h"] };
  for (const api of [containersApi, imagesApi, networksApi])
    await assert.rejects(api.prune(arrange().request(until)), {
      message: "more than one until filter specified",
      kind: "invalid",
    });
  const refused = (text: string) => ({ message: `failed to prune build cache: ${text}`, kind: "invalid" });
  const ofBuilds = (filters: Record<string, string[]>) => buildCacheApi.prune(arrange().request(filters));
  await assert.rejects(ofBuilds(until), refused("filters expect only one value"));
  await assert.rejects(ofBuilds({ id: ["a", "b"] }), refused("filters expect only one value"));
  await assert.rejects(
    ofBuilds({ until: ["1h"], "unused-for": ["1h"] }),
    refused('conflicting filters: "until" and "unused-for"'),
  );
});

it("takes no container when its client has left already", async () => {
  const { client, request } = arrange();
  const asked = request();
  const can = () => assert.fail("it is looked at");
  asked.engine.containers.byId.set("c", { can } as unknown as Container);
  client.abort();
  assert.deepEqual((await containersApi.prune(asked)).body, { ContainersDeleted: null, SpaceReclaimed: 0 });
});

it("goes no further when its client has left, and is not announced", async () => {
  for (const { prune } of [networksApi, volumesApi]) {
    const { begun, proceed, removed, announced, client, request } = arrange();
    const pruning = prune(request());
    await begun;
    client.abort();
    proceed.resolve();
    await pruning;
    assert.deepEqual([removed, announced], [["one"], []]);
  }
});
