import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "../../src/containers/container.ts";
import { createContainerIndexes } from "../../src/containers/container-index.ts";

const make = (imageId: string, ...mounted: string[]) => {
  const mounts = mounted.map((id) => ({ type: "image", imageId: id }));
  return { record: { imageId, mounts } } as unknown as Container & { record: { mounts: object[] } };
};

test("containers are found by the image they are made from and by those they mount, and by none once they are gone", () => {
  const { byImage } = createContainerIndexes();
  const [one, other] = [make("a"), make("a", "b", "b", "a")];
  byImage.add(one);
  byImage.add(other);
  assert.deepEqual([...byImage.of("a")], [one, other]);
  assert.deepEqual([...byImage.of("b")], [other]);
  assert.deepEqual([byImage.of("c").size, byImage.has("c"), [...byImage.keys()]], [0, false, ["a", "b"]]);
  one.record.mounts.push(...make("", "c").record.mounts);
  byImage.add(one);
  assert.deepEqual([byImage.of("a").size, [...byImage.of("c")]], [2, [one]]);
  byImage.delete(other);
  assert.deepEqual([...byImage.keys()], ["a", "c"]);
  byImage.delete(one);
  byImage.delete(one);
  assert.deepEqual([...byImage.keys()], []);
});

test("containers are found by their volumes, by whatever way they mount one, and not by a path on the host", () => {
  const { byVolume } = createContainerIndexes();
  const mounting = (...mounts: object[]) =>
    ({ record: { imageId: "a", mounts, links: [] } }) as unknown as Container;
  const twice = mounting(
    { type: "volume", name: "v" },
    { type: "volume", name: "v" },
    { type: "volume", name: "w" },
  );
  const bound = mounting({ type: "bind", name: "", source: "v" }, { type: "tmpfs" });
  byVolume.add(twice);
  byVolume.add(bound);
  assert.deepEqual(
    [[...byVolume.of("v")], [...byVolume.of("w")], [...byVolume.keys()]],
    [[twice], [twice], ["v", "w"]],
  );
  byVolume.delete(bound);
  byVolume.delete(twice);
  assert.deepEqual([byVolume.of("v").size, [...byVolume.keys()]], [0, []]);
});
