import assert from "node:assert/strict";
import { test } from "node:test";
import { createContainersByImage } from "../../src/containers/by-image.ts";
import type { Container } from "../../src/containers/container.ts";

const make = (imageId: string, ...mounted: string[]) => {
  const mounts = mounted.map((id) => ({ type: "image", imageId: id }));
  return { record: { imageId, mounts } } as unknown as Container & { record: { mounts: object[] } };
};

test("containers are found by the image they are made from and by those they mount, and by none once they are gone", () => {
  const byImage = createContainersByImage();
  const [one, other] = [make("a"), make("a", "b", "b", "a")];
  byImage.add(one);
  byImage.add(other);
  assert.deepEqual([...byImage.of("a")], [one, other]);
  assert.deepEqual([...byImage.of("b")], [other]);
  assert.deepEqual([byImage.of("c").size, byImage.has("c"), [...byImage.imageIds()]], [0, false, ["a", "b"]]);
  one.record.mounts.push(...make("", "c").record.mounts);
  byImage.add(one);
  assert.deepEqual([byImage.of("a").size, [...byImage.of("c")]], [2, [one]]);
  byImage.delete(other);
  assert.deepEqual([...byImage.imageIds()], ["a", "c"]);
  byImage.delete(one);
  byImage.delete(one);
  assert.deepEqual([...byImage.imageIds()], []);
});
