import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { startRegistry, type TestRegistry } from "../registry/fixtures.ts";

describe("a list of images by their names", () => {
  const { engine, berth } = useEngine();
  let registry: TestRegistry;
  let digest: string;

  before(async () => {
    registry = await startRegistry();
    const name = `${registry.host}/own`;
    await berth("tag", "busybox", `${name}:1`);
    await berth("push", "-q", `${name}:1`);
    const { RepoDigests } = JSON.parse((await engine.api("GET", `/images/${name}:1/json`)).body);
    digest = RepoDigests.find((one: string) => one.startsWith(name)) ?? assert.fail(RepoDigests);
    await berth("rmi", `${name}:1`, "busybox");
    await berth("pull", "-q", digest);
  });
  after(() => registry.close());

  const list = async (...references: string[]) => {
    const filters = encodeURIComponent(JSON.stringify({ reference: references }));
    const images = JSON.parse((await engine.api("GET", `/images/json?filters=${filters}`)).body);
    return images.map(({ RepoTags, RepoDigests }: Record<string, string[]>) => [RepoTags, RepoDigests]);
  };

  it("has those that were pulled by digest, too, with the names alone that fit", async () => {
    const repository = `${registry.host}/own`;
    for (const pattern of [repository, `${registry.host}/*`, digest])
      assert.deepEqual(await list(pattern), [[[], [digest]]]);
    assert.equal(await berth("images", "-q", "--digests", repository), await berth("images", "-q"));
    await berth("tag", digest, "other:1");
    const tagged = `other@${digest.split("@")[1]}`;
    assert.deepEqual(await list("other"), [[["other:1"], [tagged]]]);
    assert.deepEqual(await list("other:*"), [[["other:1"], []]]);
    assert.deepEqual(await list(repository), [[[], [digest]]]);
    assert.deepEqual(await list(repository, "other"), [[["other:1"], [digest, tagged]]]);
    assert.deepEqual(await list(`${repository}:1`), []);
  });
});
