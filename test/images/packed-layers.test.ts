import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { withPackedLayers } from "../../src/images/push/pushed-image.ts";

const plain = ["a", "b", "c"].map((name) => ({
  mediaType: mediaTypes.layer,
  digest: digestOf(name),
  size: 1,
}));
const manifest = { content: { origin: "made", blobs: plain } } as never;

/** A store that fails at a number of calls of one kind. */
function failingStore(what: "keep" | "compress", at: number) {
  const files = new Set<string>();
  let compressed = 0;
  let calls = 0;
  const count = (kind: string) => {
    if (kind === what && calls++ === at) throw new Error("no space left on device");
  };
  const store = {
    blobs: {
      isWhole: () => false,
      hasFrame: () => true,
      framePath: () => "frame",
      temporaryPath: () => `tmp/${compressed}`,
      keep: async ({ path }: { path: string }) => {
        count("keep");
        files.delete(path);
      },
      discard: async ({ path }: { path: string }) => void files.delete(path),
    },
    layers: { directoryWith: () => "layer" },
    jobs: {
      async compress() {
        count("compress");
        const path = `tmp/${compressed++}`;
        files.add(path);
        return { path, digest: digestOf(path), sizeBytes: 1 };
      },
    },
    catalog: { protect: (_: unknown, work: () => unknown) => work(), keepPacked: async () => {} },
  };
  return { store: store as never, files, compressed: () => compressed };
}

test("nothing that was packed stays beside the store, wherever the disk is full", async () => {
  const pack = (store: never) =>
    withPackedLayers(
      store,
      { id: "x", manifests: [manifest, { ...(manifest as object) } as never] },
      { remembers: "shared" },
      new AbortController().signal,
      async (packed) => packed.size,
    );
  const whole = failingStore("keep", 99);
  assert.equal(await pack(whole.store), 2);
  assert.equal(whole.compressed(), 3, "what two manifests share is packed once");
  assert.equal(whole.files.size, 0);
  for (const what of ["keep", "compress"] as const)
    for (const at of [0, 1, 2]) {
      const { store, files } = failingStore(what, at);
      await assert.rejects(pack(store), /no space left/);
      assert.equal(files.size, 0, `${what} ${at}`);
    }
});
