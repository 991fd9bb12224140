import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { unmount } from "../small-disk.ts";
import { makeBlob, makeManifest, pushBlob, putManifest, startRegistry, type TestBlob } from "./fixtures.ts";

/** A disk in a file; what is in its file is what a power cut would leave. */
function makeDisk(folder: string) {
  const image = join(folder, "disk");
  execFileSync("truncate", ["-s", "24M", image]);
  execFileSync("mkfs.ext4", ["-q", image]);
  const mounted: string[] = [];
  return {
    image,
    /** Nothing is written by itself for five minutes. */
    mount(file = image): string {
      const root = `${file}.mounted`;
      mkdirSync(root);
      execFileSync("mount", ["-o", "loop,commit=300", file, root]);
      mounted.push(root);
      return root;
    },
    async [Symbol.asyncDispose]() {
      for (const root of mounted) await unmount(root);
      rmSync(folder, { recursive: true });
    },
  };
}

it("what a registry has acknowledged survives a power cut in that moment, whatever folders it had to make", async () => {
  await using disk = makeDisk(mkdtempSync(join(tmpdir(), "berth-power-")));
  await using registry = await startRegistry({ root: disk.mount() });
  const large = makeBlob(randomBytes(3_000_000));
  const [empty, other] = [makeBlob(""), makeBlob()];
  const chunked = async () => {
    const begun = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: "POST" });
    const location = registry.url + begun.headers.get("location");
    for (const part of [large.content.subarray(0, 1_000_000), large.content.subarray(1_000_000)])
      await fetch(location, { method: "PATCH", body: new Uint8Array(part) });
    const answer = await fetch(`${location}?digest=${large.digest}`, { method: "PUT" });
    assert.equal(answer.status, 201);
    return [`app/blobs/${large.digest}`];
  };
  const blob = async (name: string, content: TestBlob) => {
    await pushBlob(registry.url, name, content);
    return [`${name}/blobs/${content.digest}`];
  };
  const manifest = async (reference: string, content: TestBlob) => {
    assert.equal((await putManifest(registry.url, "app", reference, content)).status, 201);
    return [`app/manifests/${reference}`, `app/manifests/${content.digest}`];
  };
  // At the same time, so that one finds the folder that another has just made.
  const crowd = async () => {
    const names = Array.from({ length: 6 }, (_, at) => `many/folders/${at}`);
    await Promise.all(names.map((name) => pushBlob(registry.url, name, other)));
    return names.map((name) => `${name}/blobs/${other.digest}`);
  };
  const mount = async () => {
    const path = `far/away/blobs/uploads/?mount=${large.digest}&from=app`;
    assert.equal((await fetch(`${registry.url}/v2/${path}`, { method: "POST" })).status, 201);
    return [`far/away/blobs/${large.digest}`];
  };
  const first = makeManifest([empty, large]);
  const second = makeManifest([empty, large], { annotations: { a: "b" } });
  const cuts: { image: string; paths: string[] }[] = [];
  for (const step of [
    chunked,
    () => blob("app", empty),
    crowd,
    () => manifest("v1", first),
    () => manifest("v1", second),
    mount,
    () => blob("app", other),
  ]) {
    const paths = await step();
    const image = `${disk.image}.${cuts.length}`;
    copyFileSync(disk.image, image);
    cuts.push({ image, paths: [...(cuts.at(-1)?.paths ?? []), ...paths] });
  }

  for (const { image, paths } of cuts) {
    await using after = await startRegistry({ root: disk.mount(image) });
    for (const path of paths) {
      const answer = await fetch(`${after.url}/v2/${path}`);
      const { digest } = makeBlob(Buffer.from(await answer.arrayBuffer()));
      assert.equal(answer.status, 200, `${image}: ${path}`);
      assert.equal(digest, answer.headers.get("docker-content-digest"));
      // The tag has moved with the fifth step.
      if (path.endsWith("v1"))
        assert.equal(digest, cuts.findIndex((cut) => cut.image === image) > 3 ? second.digest : first.digest);
    }
  }
});
